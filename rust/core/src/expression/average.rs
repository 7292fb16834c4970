//! Averages of whole numbers, to the last bit as `DuckDB` has them: it divides numbers of 80 bits, and rounds the quotient.

/// An unsigned number of 64 significant bits, of which the highest is set: `mantissa` times two to the power of `exponent`.
#[derive(Debug, Clone, Copy)]
struct Extended {
    mantissa: u64,
    exponent: i32,
}

impl Extended {
    /// The nearest, of two the even one; None for 0.
    fn of(number: u128, sticky: bool) -> Option<Self> {
        let excess = 64 - number.leading_zeros() as i32;
        if number == 0 {
            return None;
        }
        if excess <= 0 {
            return Some(Self { mantissa: (number << -excess) as u64, exponent: excess });
        }
        let (kept, cut) = (number >> excess, number & ((1 << excess) - 1));
        let half = 1 << (excess - 1);
        let up = cut > half || (cut == half && (sticky || kept & 1 == 1));
        match (kept as u64).overflowing_add(u64::from(up)) {
            (_, true) => Some(Self { mantissa: 1 << 63, exponent: excess + 1 }),
            (mantissa, false) => Some(Self { mantissa, exponent: excess }),
        }
    }

    fn times(self, other: Self) -> Option<Self> {
        let product = Self::of(u128::from(self.mantissa) * u128::from(other.mantissa), false)?;
        Some(Self { exponent: product.exponent + self.exponent + other.exponent, ..product })
    }

    fn over(self, other: Self) -> Option<Self> {
        // Two bits more than are kept, so that what is cut is told from half of the last bit.
        let (dividend, divisor) = (u128::from(self.mantissa) << 64, u128::from(other.mantissa));
        let (quotient, rest) = (dividend / divisor, dividend % divisor);
        let next = (rest << 1) / divisor;
        let sticky = (rest << 1) % divisor != 0;
        let quotient = Self::of(quotient << 1 | next, sticky)?;
        Some(Self { exponent: quotient.exponent - 65 + self.exponent - other.exponent, ..quotient })
    }

    fn to_double(self) -> f64 {
        self.mantissa as f64 * 2_f64.powi(self.exponent)
    }
}

/// The average of `count` numbers of units of ten to the power of minus `scale`.
///
/// `is_short`: whether they have 16 bits, whose sums `DuckDB` divides as doubles.
pub fn average(sum: i128, count: i64, scale: u8, is_short: bool) -> f64 {
    // As a double too, like all else of the divisor.
    let unit = 10_u128.saturating_pow(u32::from(scale)) as f64;
    if is_short {
        return sum as f64 / (count as f64 * unit);
    }
    let quotient = || {
        let count = Extended::of(u128::from(count.unsigned_abs()), false)?;
        let unit = Extended::of(unit as u128, false)?;
        Extended::of(sum.unsigned_abs(), false)?.over(count.times(unit)?).map(Extended::to_double)
    };
    let magnitude = quotient().unwrap_or(0.0);
    if sum < 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_ones_are_those_of_doubles() {
        for sum in -50_i128..50 {
            for count in 1..50 {
                assert!((average(sum, count, 0, false) - sum as f64 / count as f64).abs() <= f64::EPSILON * 50.0);
            }
        }
        assert_eq!(average(7, 2, 0, false).to_bits(), 3.5_f64.to_bits());
        assert_eq!(average(-75, 1, 1, false).to_bits(), (-7.5_f64).to_bits());
        assert_eq!(average(1_i128 << 100, 1, 0, false).to_bits(), 2_f64.powi(100).to_bits());
        assert_eq!(average(0, 3, 0, false).to_bits(), 0);
    }
}
