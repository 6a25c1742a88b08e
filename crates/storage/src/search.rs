//! Search for a text within a column, with the same result in every database.
//!
//! `LIKE` knows letters without regard to case in one database, in the ASCII letters of
//! another, and not at all in a third. So a letter is looked for in both cases explicitly, by
//! what each database has for sets of characters: `GLOB '*[hH][iI]*'`, `~ '[hH][iI]'`.

use sea_orm::sea_query::{BinOper, ColumnRef, Expr, ExprTrait, IntoColumnRef, SimpleExpr};
use sea_orm::{ConnectionTrait, DbBackend};

/// Whether `column` has `text` somewhere, whatever the case of its letters (simple case
/// mapping of Unicode: `ß` is not `SS`), all other characters taken literally.
pub fn contains(on: &impl ConnectionTrait, column: impl IntoColumnRef, text: &str) -> SimpleExpr {
    expression(on.get_database_backend(), column.into_column_ref(), text)
}

fn expression(backend: DbBackend, column: ColumnRef, text: &str) -> SimpleExpr {
    // PostgreSQL cannot hold it, and takes no statement with it.
    if text.contains('\0') {
        return Expr::val(1).eq(0);
    }
    let (operator, pattern) = match backend {
        DbBackend::Sqlite => ("GLOB", format!("*{}*", pattern(text, glob_literal))),
        DbBackend::Postgres => ("~", pattern(text, regex_literal)),
        // Whatever the server's default is: with regard to case, line breaks as they are.
        _ => ("REGEXP", format!("(?-i){}", pattern(text, regex_literal))),
    };
    Expr::col(column).binary(BinOper::Custom(operator), pattern)
}

/// Each letter as the set of its cases, what else there is by `literal`.
fn pattern(text: &str, literal: fn(&mut String, char)) -> String {
    let mut pattern = String::with_capacity(text.len() * 4);
    for character in text.chars() {
        let mut cases = vec![character];
        let others = [single(character.to_lowercase()), single(character.to_uppercase())];
        for other in others.into_iter().flatten() {
            if !cases.contains(&other) {
                cases.push(other);
            }
        }
        if cases.len() == 1 {
            literal(&mut pattern, character);
        } else {
            pattern.push('[');
            pattern.extend(cases);
            pattern.push(']');
        }
    }
    pattern
}

fn single(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next();
    first.filter(|_| mapped.next().is_none())
}

fn glob_literal(pattern: &mut String, character: char) {
    if matches!(character, '*' | '?' | '[') {
        pattern.extend(['[', character, ']']);
    } else {
        pattern.push(character);
    }
}

fn regex_literal(pattern: &mut String, character: char) {
    if character.is_ascii_punctuation() {
        pattern.push('\\');
    }
    pattern.push(character);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_sets_and_the_rest_is_literal() {
        assert_eq!(pattern("aÖ1*[ß", glob_literal), "[aA][Öö]1[*][[]ß");
        assert_eq!(pattern("a.b-\\", regex_literal), "[aA]\\.[bB]\\-\\\\");
    }
}
