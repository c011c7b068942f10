//! What a device's phone has sent: logs, and what people have set on the phone. Administrators alone see it, since it may
//! hold passwords and says who called whom; the trail says who did.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::audit::{self, Deed};
use super::change::find_device;
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use crate::device::Device;
use crate::id::hex;
use crate::store::{Noun, StoreError};
use crate::uploads::Upload;

/// `GET …/devices/{D}/uploads`
pub(super) async fn list(call: Call) -> Reply {
    let device = device(&call).await?;
    let uploads = call.desk.uploads.list(device.id()).await.map_err(|error| unreadable(&error))?;
    Ok(Answer::data(Value::Array(uploads.iter().map(row).collect())))
}

/// `GET …/devices/{D}/uploads/{file}`
pub(super) async fn get(call: Call) -> Reply {
    let device = device(&call).await?;
    let name = call.decoded("file");
    let read = call.desk.uploads.read(device.id(), &name).await.map_err(|error| unreadable(&error))?;
    let (body, received) = read.ok_or_else(Failure::not_found)?;
    enter(&call, &device, "upload read").await?;
    Ok(Answer::data(json!({
        "name": name,
        "bytes": body.len(),
        "received": received,
        "sha256": hex(&Sha256::digest(&body)),
        "body": String::from_utf8_lossy(&body),
    })))
}

/// `DELETE …/devices/{D}/uploads/{file}`: the phone is given it no more. What it was called is shown once more.
pub(super) async fn delete(call: Call) -> Reply {
    let device = device(&call).await?;
    call.must_be_meant()?;
    let (uploads, name) = (&call.desk.uploads, call.decoded("file"));
    let listed = uploads.list(device.id()).await.map_err(|error| unreadable(&error))?;
    let upload = listed.iter().find(|upload| upload.name == name).ok_or_else(Failure::not_found)?;
    enter(&call, &device, "upload deleted").await?;
    uploads.remove(device.id(), &name).await.map_err(|error| unreadable(&error))?;
    Ok(Answer::data(row(upload)))
}

async fn device(call: &Call) -> Result<Device, Failure> {
    call.account().await?;
    find_device(call).await
}

fn row(upload: &Upload) -> Value {
    json!({"name": upload.name, "bytes": upload.bytes, "received": upload.received})
}

async fn enter(call: &Call, device: &Device, what: &'static str) -> Result<(), Failure> {
    let document = Some(&device.document);
    let deed = Deed { what, noun: Noun::Device, before: document, after: document };
    Ok(audit::enter(call, device.account(), &deed).await?)
}

fn unreadable(error: &std::io::Error) -> Failure {
    StoreError::Io(error.to_string()).into()
}
