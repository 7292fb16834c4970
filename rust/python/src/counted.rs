//! Numbers of things in messages: "1 row", "2 rows".

/// A number with its noun: "1 match", "2 matches", "2 entries".
pub fn counted(count: usize, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        _ if noun.ends_with("ch") => format!("{count} {noun}es"),
        _ => format!("{count} {noun}s"),
    }
}

/// "there is 1 row", "there are 2 rows".
pub fn there_are_rows(count: usize) -> String {
    format!("there {} {}", if count == 1 { "is" } else { "are" }, counted(count, "row"))
}
