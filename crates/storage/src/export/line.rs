//! A row as a line: a JSON object with the columns in their declared order, and one way only
//! to write each value.

use sea_orm::sea_query::Value;
use sea_orm::{DbErr, QueryResult};
use serde_json::{Map, Value as Json};

use super::{ColumnKind, ExportColumn};

/// Adds the line of `row`, whose values stand in the order of `columns`.
pub(super) fn write(
    row: &QueryResult,
    columns: &[&ExportColumn],
    line: &mut Vec<u8>,
) -> Result<(), DbErr> {
    for (index, column) in columns.iter().enumerate() {
        line.extend_from_slice(if index == 0 { b"{\"" } else { b",\"" });
        line.extend_from_slice(column.name.as_bytes());
        line.extend_from_slice(b"\":");
        let json = match column.kind {
            ColumnKind::BigInteger => Json::from(row.try_get_by_index::<Option<i64>>(index)?),
            ColumnKind::Integer => Json::from(row.try_get_by_index::<Option<i32>>(index)?),
            ColumnKind::SmallInteger => Json::from(row.try_get_by_index::<Option<i16>>(index)?),
            ColumnKind::Boolean => Json::from(row.try_get_by_index::<Option<bool>>(index)?),
            ColumnKind::Text => Json::from(row.try_get_by_index::<Option<String>>(index)?),
        };
        serde_json::to_writer(&mut *line, &json).map_err(|error| DbErr::Json(error.to_string()))?;
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}

/// The values of a line, in the order of `columns`, of which all must be there and no other.
pub(super) fn read(line: &[u8], columns: &[&ExportColumn]) -> Result<Vec<Value>, String> {
    let mut object: Map<String, Json> =
        serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let values = columns
        .iter()
        .map(|column| {
            let json = object.remove(column.name);
            let json = json.ok_or_else(|| format!("\"{}\" is missing", column.name))?;
            value(json, column).map_err(|problem| format!("\"{}\" {problem}", column.name))
        })
        .collect::<Result<_, _>>()?;
    match object.keys().next() {
        Some(unknown) => Err(format!("\"{unknown}\" is not known")),
        None => Ok(values),
    }
}

fn value(json: Json, column: &ExportColumn) -> Result<Value, String> {
    if json.is_null() && !column.nullable {
        return Err("is null".to_owned());
    }
    let integer = |json: &Json| json.as_i64().ok_or("is not an integer");
    let too_large = |_| "is too large an integer";
    let is_null = json.is_null();
    Ok(match column.kind {
        ColumnKind::BigInteger if is_null => Value::BigInt(None),
        ColumnKind::BigInteger => integer(&json)?.into(),
        ColumnKind::Integer if is_null => Value::Int(None),
        ColumnKind::Integer => i32::try_from(integer(&json)?).map_err(too_large)?.into(),
        ColumnKind::SmallInteger if is_null => Value::SmallInt(None),
        ColumnKind::SmallInteger => i16::try_from(integer(&json)?).map_err(too_large)?.into(),
        ColumnKind::Boolean if is_null => Value::Bool(None),
        ColumnKind::Boolean => json.as_bool().ok_or("is not true or false")?.into(),
        ColumnKind::Text => match json {
            Json::Null => Value::String(None),
            Json::String(text) if text.contains('\0') => {
                return Err("holds U+0000, which not every database can hold".to_owned());
            }
            Json::String(text) => text.into(),
            _ => return Err("is not text".to_owned()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [ExportColumn; 3] = [
        ExportColumn::big_integer("id"),
        ExportColumn::text("text").nullable(),
        ExportColumn::small_integer("kind"),
    ];

    fn read_line(line: &str) -> Result<Vec<Value>, String> {
        read(line.as_bytes(), &COLUMNS.each_ref())
    }

    #[test]
    fn a_line_is_read_by_the_declaration() {
        let row = read_line(r#"{"id":9007199254740991,"text":"a\"\n\u001f","kind":-1}"#).unwrap();
        let expected = [9_007_199_254_740_991_i64.into(), "a\"\n\u{1f}".into(), (-1_i16).into()];
        assert_eq!(row, expected);
        let row = read_line(r#"{"kind":0,"id":1,"text":null}"#).unwrap();
        assert_eq!(row[1], Value::String(None));
        assert_ne!(read_line(r#"{"kind":0,"id":1,"text":""}"#).unwrap()[1], row[1]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (line, problem) in [
            (r#"{"id":1,"text":"a"}"#, "\"kind\" is missing"),
            (r#"{"id":null,"text":"a","kind":1}"#, "\"id\" is null"),
            (r#"{"id":1,"text":"a","kind":40000}"#, "\"kind\" is too large an integer"),
            (r#"{"id":1.5,"text":"a","kind":1}"#, "\"id\" is not an integer"),
            (r#"{"id":1,"text":1,"kind":1}"#, "\"text\" is not text"),
            (r#"{"id":1,"text":"a","kind":1,"more":1}"#, "\"more\" is not known"),
        ] {
            assert_eq!(read_line(line).unwrap_err(), problem);
        }
        let zero = read_line(r#"{"id":1,"text":"a\u0000","kind":1}"#).unwrap_err();
        assert!(zero.contains("U+0000"), "{zero}");
        assert!(read_line(r#"{"id":1,"text":"a","ki"#).is_err());
    }
}
