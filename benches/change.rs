//! What a change of one device costs with 1,000 and with 100,000 stored: `cargo bench --bench change`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that fails shall stop")]

use std::sync::Arc;

use checksync::account::Account;
use checksync::device::Device;
use checksync::document::Document;
use checksync::files::Files;
use checksync::id::{Digest, Id};
use checksync::pack::Pack;
use checksync::resync::Scope;
use checksync::settings::Site;
use checksync::store::{Change, Entity, Options, SledStore, Step, Store};
use checksync::template::Set;
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;

const ACCOUNT: Id = Id::from_bytes([0xa0; 16]);

fn phone(number: u32) -> Device {
    let mut id = [0xd0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let body = json!({
        "name": format!("Phone {number}"),
        "mac_address": format!("805e{number:08x}"),
        "sip": {"username": format!("u{number}"), "password": "correct horse", "expire_seconds": 300},
        "provision": {"endpoint_brand": "yealink", "endpoint_model": "t46s"},
        "media": {"audio": {"codecs": ["G722", "PCMA", "PCMU"]}},
    });
    Device { document: Document::new(Id::from_bytes(id), ACCOUNT, body.as_object().unwrap().clone(), 0) }
}

async fn fill(store: &dyn Store, devices: u32) {
    let body = json!({"name": "Fleet", "realm": "fleet.example"}).as_object().unwrap().clone();
    let document = Document::new(ACCOUNT, ACCOUNT, body, 0);
    let account = Entity::Account(Account { document, tree: Vec::new(), api_key: Digest::of(b"") });
    store.commit(Change { steps: vec![Step::Put { entity: account, replaces: None }] }).await.unwrap();
    for first in (0..devices).step_by(1000) {
        let phones = (first..devices.min(first + 1000)).map(phone);
        let steps = phones.map(|phone| Step::Put { entity: Entity::Device(phone), replaces: None }).collect();
        store.commit(Change { steps }).await.unwrap();
    }
}

/// Everything a PATCH does below the HTTP handler: read, revise, try, commit durably, render again.
async fn patch(store: &dyn Store, files: &Files, number: u32, round: u32) {
    let device = store.device(phone(number).id()).await.unwrap().unwrap();
    let mut body = device.document.body.clone();
    body.insert("name".into(), format!("Round {round}").into());
    let revised = Device { document: device.document.revised(body, 1) };
    files.trial(&revised).await.unwrap();
    let put = Step::Put { entity: Entity::Device(revised.clone()), replaces: Some(device.document.revision) };
    let mark = Step::Mark(Scope::Device(device.id()));
    let sequence = store.commit(Change { steps: vec![put, mark] }).await.unwrap();
    files.of(&revised).await.unwrap();
    store.unmark(vec![sequence], Vec::new()).await.unwrap();
}

fn change(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for devices in [1_000, 100_000] {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SledStore::open(Options::new(dir.path())).unwrap());
        runtime.block_on(fill(&*store, devices));
        let files =
            Files::new(store.clone(), Set::compile(&Pack::shipped()).unwrap(), Site::default(), 64 << 20);
        let mut round = 0;
        c.bench_function(&format!("patch one device of {devices}"), |b| {
            b.iter(|| {
                round += 1;
                runtime.block_on(patch(&*store, &files, round * 7919 % devices, round));
            });
        });
        runtime.block_on(store.close()).unwrap();
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(30); targets = change }
criterion_main!(benches);
