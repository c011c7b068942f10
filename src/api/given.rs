//! The files of one device, for administrators: which there are, what stands in each, and how that differs from what
//! its phone last fetched. Secrets are masked unless an administrator asks to see them, which the trail then says.

use serde_json::{Value, json};

use super::access;
use super::audit::{self, Deed};
use super::change::find_device;
use super::difference;
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::plan::text;
use super::request::Call;
use crate::circle;
use crate::device::Device;
use crate::files::{Given, Instead, Refusal, Sight};
use crate::store::Noun;

/// `GET …/devices/{D}/config`: the files that the device's phone would get.
pub(super) async fn list(call: Call) -> Reply {
    let device = find_device(&call).await?;
    let given = supposed(&call, &device, Sight::Whole).await?;
    call.desk.circle.caught_up().await;
    let held = circle::held(&*call.desk.store, device.id()).await?;
    let rows = given.files.iter().map(|file| {
        let holds = held.files.get(&file.name);
        json!({
            "name": file.name,
            "content_type": file.rendered.content_type,
            "bytes": file.rendered.body.len(),
            "digest": file.rendered.digest,
            "secret": file.secret,
            "encryption": file.rendered.encryption,
            "held": holds.map(|held| held.digest),
            "fetched": holds.map(|held| held.fetched),
            "in_step": holds.is_some_and(|held| held.digest == file.rendered.digest),
        })
    });
    Ok(Answer::data(Value::Array(rows.collect())))
}

/// `GET …/devices/{D}/config/{file}`: one of them, as it is before it is encrypted. `secrets=true` shows it unmasked.
pub(super) async fn get(call: Call) -> Reply {
    let device = find_device(&call).await?;
    let whole = supposed(&call, &device, Sight::Whole).await?;
    let file = whole.file(&call.decoded("file")).ok_or_else(Failure::not_found)?;
    let masked = call.parameter("secrets") != Some("true");
    let sight = if masked { Sight::Masked } else { Sight::Plain };
    let seen = supposed(&call, &device, sight).await?;
    if !masked {
        access::administrator(call.caller()?)?;
        note_reading(&call, &device).await?;
    }
    Ok(Answer::data(json!({
        "name": file.name,
        "content_type": file.rendered.content_type,
        "bytes": file.rendered.body.len(),
        "digest": file.rendered.digest,
        "encryption": file.rendered.encryption,
        "masked": masked,
        "warnings": whole.warnings,
        "body": text(Some(&seen), &file.name),
    })))
}

/// `GET …/devices/{D}/config/{file}/diff`: what would change for the phone if it came for the file now.
pub(super) async fn diff(call: Call) -> Reply {
    let device = find_device(&call).await?;
    let whole = supposed(&call, &device, Sight::Whole).await?;
    let file = whole.file(&call.decoded("file")).ok_or_else(Failure::not_found)?;
    call.desk.circle.caught_up().await;
    let held = circle::held(&*call.desk.store, device.id()).await?;
    let holds = held.files.get(&file.name);
    let in_step = holds.is_some_and(|held| held.digest == file.rendered.digest);
    let fetched = circle::fetched(&*call.desk.store, device.id(), &file.name).await?;
    let before = match fetched {
        Some(text) => Some(String::from_utf8_lossy(&text).into_owned()),
        None => holds.is_none().then(String::new),
    };
    let diff = match before {
        _ if in_step => Some(String::new()),
        Some(before) => {
            let now = supposed(&call, &device, Sight::Masked).await?;
            Some(difference::unified(&file.name, &before, &text(Some(&now), &file.name).unwrap_or_default()))
        }
        None => None,
    };
    Ok(Answer::data(json!({
        "name": file.name,
        "held": holds.map(|held| held.digest),
        "given": file.rendered.digest,
        "in_step": in_step,
        "only_secrets": !in_step && diff.as_deref() == Some(""),
        "diff": diff,
    })))
}

/// A device that is no phone that we know, or is switched off, has no files: that is no error of the request.
async fn supposed(call: &Call, device: &Device, sight: Sight) -> Result<Given, Failure> {
    match call.desk.files.supposed(device, &Instead::Nothing, sight).await {
        Ok(given) => Ok(given),
        Err(Refusal::Store(error)) => Err(error.into()),
        Err(refusal) => Err(Failure::no_files(&refusal)),
    }
}

async fn note_reading(call: &Call, device: &Device) -> Result<(), Failure> {
    let document = Some(&device.document);
    let deed = Deed { what: "secrets read", noun: Noun::Device, before: document, after: document };
    Ok(audit::enter(call, device.account(), &deed).await?)
}
