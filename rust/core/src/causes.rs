//! Errors that are made of their causes.

/// Lets `?` make an error of each of these causes, as in `from_causes!(SearchError { Stopped(Stopped) })`.
macro_rules! from_causes {
    ($error:ident { $($variant:ident($cause:ty)),+ }) => {
        $(impl From<$cause> for $error {
            fn from(cause: $cause) -> Self {
                Self::$variant(cause)
            }
        })+
    };
}

pub(crate) use from_causes;
