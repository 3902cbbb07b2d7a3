//! Reads and writes rows of `work_orders`.
//!
//! Values travel as one JSON document that PostgreSQL turns into the columns' own types, so it does not matter whether a
//! word is a text or an enumeration there, and a time with or without a zone. A row that somebody else is changing at
//! this moment is left alone until they are done.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Error};

use super::columns::{self, Row};
use super::notes;
use crate::core::work_order::{Kind, Priority, Status, WorkOrder};

/// How many of the plant's own orders are taken over at once.
const ADOPTED: i64 = 200;

/// The part of a row that is shared, as one JSON document.
macro_rules! shared {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " jsonb_build_object('type', w.type, 'priority', w.priority, 'status', w.status, 'title', w.title,
                'description', left(w.description::text, 20000), 'scheduled_start', w.scheduled_start,
                'scheduled_end', w.scheduled_end, 'actual_start', w.actual_start, 'actual_end', w.actual_end,
                'assigned_to', w.assigned_to, 'estimated_hours', w.estimated_hours,
                'actual_hours', w.actual_hours, 'downtime_hours', w.downtime_hours,
                'notes', right(w.notes::text, $1::bigint::integer), 'andon', w.metadata -> 'andon')::text ",
            $after
        )
    };
}

const READ: &str =
    shared!("SELECT w.work_order_number::text,", "FROM work_orders w WHERE w.work_order_number::text = ANY($2)");

const LOCK: &str = shared!("SELECT", "FROM work_orders w WHERE w.work_order_number::text = $2 FOR UPDATE NOWAIT");

const INSERT: &str = "
    INSERT INTO work_orders (work_order_number, asset_id, type, priority, status, title, description, scheduled_start,
        scheduled_end, actual_start, actual_end, assigned_to, estimated_hours, actual_hours, downtime_hours, notes,
        metadata, created_by)
    SELECT r.work_order_number, a.id, r.type, r.priority, r.status, r.title, r.description, r.scheduled_start,
        r.scheduled_end, r.actual_start, r.actual_end, r.assigned_to, r.estimated_hours, r.actual_hours,
        r.downtime_hours,
        nullif(concat_ws(E'\\n', nullif(r.notes, ''), CASE WHEN a.id IS NULL THEN nullif($3, '') END), ''),
        r.metadata, r.created_by
      FROM jsonb_populate_record(NULL::work_orders, $1::jsonb) r
      LEFT JOIN assets a ON a.asset_code::text = $2
    ON CONFLICT (work_order_number) DO NOTHING
    RETURNING (asset_id IS NOT NULL)";

const UPDATE: &str = "
    UPDATE work_orders w SET (type, priority, status, title, description, scheduled_start, scheduled_end, actual_start,
        actual_end, assigned_to, estimated_hours, actual_hours, downtime_hours, asset_id, notes, metadata) =
    (SELECT r.type, r.priority, r.status, r.title, r.description, r.scheduled_start, r.scheduled_end, r.actual_start,
        r.actual_end, r.assigned_to, r.estimated_hours, r.actual_hours, r.downtime_hours,
        coalesce(w.asset_id, (SELECT a.id FROM assets a WHERE a.asset_code::text = $3)),
        nullif(concat_ws(E'\\n', nullif(w.notes, ''), nullif($4, '')), ''),
        coalesce(w.metadata, '{}') || jsonb_build_object('andon', $5::jsonb)
      FROM jsonb_populate_record(w, $2::jsonb) r)
     WHERE w.work_order_number::text = $1
    RETURNING (w.asset_id IS NOT NULL)";

/// A plant may keep its history elsewhere, or to itself.
const HAS_HISTORY: &str = "
    SELECT coalesce(has_table_privilege(to_regclass('maintenance_history'), 'INSERT')
                AND has_table_privilege(to_regclass('maintenance_history'), 'SELECT'), false)";

/// One entry for each order that was completed, whoever completed it, unless somebody has written one.
const HISTORY: &str = "
    INSERT INTO maintenance_history (asset_id, work_order_id, maintenance_date, type, description, performed_by,
        duration_hours, notes)
    SELECT w.asset_id, w.id, coalesce(w.actual_end, now() AT TIME ZONE 'UTC'), w.type, w.title, w.assigned_to,
        w.actual_hours, w.notes
      FROM work_orders w
     WHERE w.work_order_number::text = $1 AND w.status::text = 'completed'
       AND NOT EXISTS (SELECT FROM maintenance_history h WHERE h.work_order_id = w.id)";

/// The plant's own orders that are overdue, which an alert may soon name.
const OVERDUE: &str = "
    SELECT jsonb_build_object('number', w.work_order_number, 'type', w.type, 'priority', w.priority,
            'status', w.status, 'title', w.title, 'description', left(w.description::text, 10000),
            'asset', a.asset_code)::text
      FROM work_orders w LEFT JOIN assets a ON a.id = w.asset_id
     WHERE w.scheduled_start < now() AT TIME ZONE 'UTC' AND w.status::text NOT IN ('completed', 'cancelled')
       AND w.work_order_number::text <> ALL($1)
     ORDER BY w.scheduled_start LIMIT $2";

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The row says now what the order says. Whether it has its asset.
    Yes {
        /// Whether `asset_id` is set.
        asset: bool,
    },
    /// Somebody changed the row since it was read: look again.
    Changed,
}

fn notes_read() -> i64 {
    i64::try_from(columns::NOTES_READ).unwrap_or(i64::MAX)
}

/// The rows with these numbers.
///
/// # Errors
/// Whatever the database says.
pub async fn read(connection: &mut PgConnection, numbers: &[String]) -> Result<BTreeMap<String, Row>, Error> {
    let rows: Vec<(String, String)> =
        sqlx::query_as(READ).bind(notes_read()).bind(numbers).fetch_all(connection).await?;
    rows.into_iter().map(|(number, row)| Ok((number, parse(&row)?))).collect()
}

fn parse(row: &str) -> Result<Row, Error> {
    let row: Value = serde_json::from_str(row).map_err(|error| Error::Decode(error.into()))?;
    Ok(Row::read(&row))
}

/// Puts an order into the table that is not in it. One that is there already is [`Written::Changed`].
///
/// # Errors
/// Whatever the database says.
pub async fn insert(connection: &mut PgConnection, order: &WorkOrder, system: &str) -> Result<Written, Error> {
    let wanted = columns::wanted(order);
    let mut document: Map<String, Value> = wanted.clone().into_iter().collect();
    document.insert("work_order_number".into(), Value::from(&*order.number));
    document.insert("notes".into(), Value::from(notes::to_append(order, None, system)));
    document.insert("metadata".into(), json!({"andon": columns::to_leave(order, &wanted, &wanted)}));
    document.insert("created_by".into(), Value::from("andon"));
    let missing = if order.asset.code.is_empty() { String::new() } else { notes::missing_asset(&order.asset.code) };
    let query = sqlx::query_scalar(INSERT).bind(Value::from(document).to_string());
    let asset: Option<bool> =
        query.bind(storable(&order.asset.code)).bind(storable(&missing)).fetch_optional(connection).await?;
    Ok(asset.map_or(Written::Changed, |asset| Written::Yes { asset }))
}

/// Brings a row up to date, if it is still as it was read.
///
/// # Errors
/// Whatever the database says; that somebody else holds the row is one of it.
pub async fn update(
    connection: &mut PgConnection,
    order: &WorkOrder,
    as_read: &Row,
    system: &str,
) -> Result<Written, Error> {
    let mut transaction = connection.begin().await?;
    let locked: Option<String> =
        sqlx::query_scalar(LOCK).bind(notes_read()).bind(&*order.number).fetch_optional(&mut *transaction).await?;
    let Some(row) = locked.as_deref().map(parse).transpose()?.filter(|row| row == as_read) else {
        return Ok(Written::Changed);
    };
    let wanted = columns::wanted(order);
    let to_write = row.to_write(&wanted);
    let mut after = row.columns.clone();
    after.extend(to_write.clone());
    let document: Map<String, Value> = to_write.into_iter().collect();
    let asset: bool = sqlx::query_scalar(UPDATE)
        .bind(&*order.number)
        .bind(Value::from(document).to_string())
        .bind(storable(&order.asset.code))
        .bind(notes::to_append(order, row.left.as_ref(), system))
        .bind(columns::to_leave(order, &wanted, &after).to_string())
        .fetch_one(&mut *transaction)
        .await?;
    if order.status == Status::Completed && has_history(&mut transaction).await? {
        sqlx::query(HISTORY).bind(&*order.number).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(Written::Yes { asset })
}

async fn has_history(connection: &mut PgConnection) -> Result<bool, Error> {
    sqlx::query_scalar(HAS_HISTORY).fetch_one(connection).await
}

/// PostgreSQL knows no NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// One of the plant's own orders.
#[derive(Clone, Debug, PartialEq)]
pub struct Overdue {
    /// `work_order_number`
    pub number: String,
    /// `type`
    pub kind: Kind,
    /// `priority`
    pub priority: Priority,
    /// `title`
    pub title: String,
    /// `description`, or empty.
    pub description: String,
    /// The asset's code, or empty.
    pub asset_code: String,
}

/// The plant's overdue orders that are none of these.
///
/// # Errors
/// Whatever the database says.
pub async fn overdue(connection: &mut PgConnection, known: &[Arc<str>]) -> Result<Vec<Overdue>, Error> {
    let known: Vec<&str> = known.iter().map(|number| &**number).collect();
    let rows: Vec<String> = sqlx::query_scalar(OVERDUE).bind(known).bind(ADOPTED).fetch_all(connection).await?;
    let read = |row: &String| {
        let row: Value = serde_json::from_str(row).ok()?;
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        Some(Overdue {
            number: text("number"),
            kind: Kind::parse(&text("type")).unwrap_or(Kind::Preventive),
            priority: Priority::parse(&text("priority")).unwrap_or(Priority::Medium),
            title: text("title"),
            description: text("description"),
            asset_code: text("asset"),
        })
    };
    Ok(rows.iter().filter_map(read).collect())
}
