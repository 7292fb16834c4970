//! Numbers and articles of things in messages: "1 row", "2 rows"; "an int", "a str".

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

/// The name of a type with its article: "an int", "a str".
pub fn with_article(name: &str) -> String {
    let sound = name.to_ascii_lowercase();
    let begins_with_you = ["uint", "uni", "user", "uuid"].iter().any(|begin| sound.starts_with(begin));
    let begins_with_vowel = sound.starts_with(['a', 'e', 'i', 'o', 'u']) && !begins_with_you;
    let article = if begins_with_vowel || sound.starts_with("ndarray") { "an" } else { "a" };
    format!("{article} {name}")
}
