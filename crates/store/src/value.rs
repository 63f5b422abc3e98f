//! Values that go into statements and rows that come out: the three types both engines share.

use model::{Bucket, Epoch, ImageId, SessionId, UserId};

use crate::{Error, Result};

/// A parameter or a column. A null keeps its type because PostgreSQL wants to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// BIGINT.
    Int(Option<i64>),
    /// TEXT.
    Text(Option<String>),
    /// BLOB or BYTEA.
    Blob(Option<Vec<u8>>),
}

impl Value {
    /// Whether it is a null of any type.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Int(None) | Self::Text(None) | Self::Blob(None))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(Some(value.cast_signed()))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone()))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(Some(value))
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(Some(value.to_vec()))
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Blob(Some(value.to_vec()))
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::Blob(Some(value.to_vec()))
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(value: Option<Vec<u8>>) -> Self {
        Self::Blob(value)
    }
}

impl From<Bucket> for Value {
    fn from(value: Bucket) -> Self {
        Self::Int(Some(value.as_i64()))
    }
}

impl From<Epoch> for Value {
    fn from(value: Epoch) -> Self {
        Self::Int(Some(value.as_i64()))
    }
}

impl From<UserId> for Value {
    fn from(value: UserId) -> Self {
        Self::Int(Some(value.as_i64()))
    }
}

impl From<SessionId> for Value {
    fn from(value: SessionId) -> Self {
        Self::from(value.0)
    }
}

impl From<&ImageId> for Value {
    fn from(value: &ImageId) -> Self {
        Self::from(value.as_str())
    }
}

/// One row of an answer. Columns are read by position, from 0; one of another type than asked for is `Error::Corrupt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<Value>);

impl Row {
    /// A row, for engines.
    pub const fn new(columns: Vec<Value>) -> Self {
        Self(columns)
    }

    /// All columns.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// All columns, taken.
    pub fn into_values(self) -> Vec<Value> {
        self.0
    }

    fn column(&self, index: usize) -> Result<&Value> {
        self.0.get(index).ok_or_else(|| Error::Corrupt(format!("column {index} of a row of {}", self.0.len())))
    }

    /// An integer.
    pub fn int(&self, index: usize) -> Result<i64> {
        self.opt_int(index)?.ok_or_else(|| unexpected_null(index))
    }

    /// An integer or null.
    pub fn opt_int(&self, index: usize) -> Result<Option<i64>> {
        match self.column(index)? {
            Value::Int(value) => Ok(*value),
            other if other.is_null() => Ok(None),
            _ => Err(wrong_type(index, "an integer")),
        }
    }

    /// An integer that is not negative.
    pub fn u64(&self, index: usize) -> Result<u64> {
        u64::try_from(self.int(index)?).map_err(|_| wrong_type(index, "an integer from 0"))
    }

    /// An integer of 32 bits that is not negative.
    pub fn u32(&self, index: usize) -> Result<u32> {
        u32::try_from(self.int(index)?).map_err(|_| wrong_type(index, "an integer from 0 to 2^32 - 1"))
    }

    /// Text.
    pub fn text(&self, index: usize) -> Result<String> {
        self.opt_text(index)?.ok_or_else(|| unexpected_null(index))
    }

    /// Text or null.
    pub fn opt_text(&self, index: usize) -> Result<Option<String>> {
        match self.column(index)? {
            Value::Text(value) => Ok(value.clone()),
            other if other.is_null() => Ok(None),
            _ => Err(wrong_type(index, "text")),
        }
    }

    /// Text, borrowed.
    pub fn str(&self, index: usize) -> Result<&str> {
        match self.column(index)? {
            Value::Text(Some(value)) => Ok(value),
            _ => Err(wrong_type(index, "text")),
        }
    }

    /// Bytes.
    pub fn blob(&self, index: usize) -> Result<Vec<u8>> {
        self.opt_blob(index)?.ok_or_else(|| unexpected_null(index))
    }

    /// Bytes or null.
    pub fn opt_blob(&self, index: usize) -> Result<Option<Vec<u8>>> {
        match self.column(index)? {
            Value::Blob(value) => Ok(value.clone()),
            other if other.is_null() => Ok(None),
            _ => Err(wrong_type(index, "bytes")),
        }
    }

    /// Exactly `N` bytes.
    pub fn bytes<const N: usize>(&self, index: usize) -> Result<[u8; N]> {
        match self.column(index)? {
            Value::Blob(Some(value)) => {
                value.as_slice().try_into().map_err(|_| wrong_type(index, "bytes of this length"))
            }
            _ => Err(wrong_type(index, "bytes")),
        }
    }

    /// A bucket.
    pub fn bucket(&self, index: usize) -> Result<Bucket> {
        Ok(Bucket(self.u32(index)?))
    }

    /// An epoch.
    pub fn epoch(&self, index: usize) -> Result<Epoch> {
        Ok(Epoch(self.u64(index)?))
    }

    /// A user id.
    pub fn user_id(&self, index: usize) -> Result<UserId> {
        UserId::new(self.u64(index)?).ok_or_else(|| wrong_type(index, "a user id"))
    }

    /// An image id.
    pub fn image_id(&self, index: usize) -> Result<ImageId> {
        ImageId::parse(self.str(index)?).ok_or_else(|| wrong_type(index, "an image id"))
    }

    /// A session id.
    pub fn session_id(&self, index: usize) -> Result<SessionId> {
        Ok(SessionId(self.bytes(index)?))
    }
}

fn unexpected_null(index: usize) -> Error {
    Error::Corrupt(format!("column {index} is null"))
}

fn wrong_type(index: usize, wanted: &str) -> Error {
    Error::Corrupt(format!("column {index} is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_another_type_is_corrupt_and_a_null_of_any_type_is_null() {
        let row = Row::new(vec![Value::from(7_i64), Value::from("x"), Value::Int(None), Value::from(-1_i64)]);
        assert_eq!(row.int(0).unwrap(), 7);
        assert!(matches!(row.text(0), Err(Error::Corrupt(_))));
        assert_eq!(row.opt_text(2).unwrap(), None);
        assert!(matches!(row.int(2), Err(Error::Corrupt(_))));
        assert!(matches!(row.u64(3), Err(Error::Corrupt(_))));
        assert!(matches!(row.int(9), Err(Error::Corrupt(_))));
    }
}
