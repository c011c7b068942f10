//! The phones of the catalog, in the words of Kazoo's provisioner.

use actix_web::{HttpRequest, web};
use serde_json::{Map, Value, json};

use super::push::text;
use crate::api::Desk;
use crate::api::envelope::{Answer, Reply};
use crate::api::error::Failure;
use crate::catalog::{Catalog, Entry};
use crate::document::Body;

/// `GET /phones[/{brand}[/{family}[/{model}]]]`: every phone that the catalog has, or one part of that.
pub(super) async fn list(desk: web::Data<Desk>, request: HttpRequest) -> Reply {
    let set = desk.files.set();
    let path = request.match_info();
    let named = ["brand", "family", "model"].iter().map_while(|place| path.get(place));
    let all = tree(set.catalog());
    let found = named.zip(["", "families", "models"]).try_fold(&all, |node, (name, below)| {
        let node = if below.is_empty() { Some(node) } else { node.get(below) };
        node?.get(name.to_lowercase())
    });
    found.cloned().map(Answer::data).ok_or_else(Failure::not_found)
}

/// `GET /ui/{brand}/{family}/{model}`: how many keys of each kind a page must offer.
pub(super) async fn ui(desk: web::Data<Desk>, path: web::Path<[String; 3]>) -> Reply {
    let [brand, family, model] = path.into_inner();
    let set = desk.files.set();
    let entry = find(set.catalog(), &brand, &family, &model).ok_or_else(Failure::not_found)?;
    Ok(Answer::data(json!({"template": template(entry)})))
}

/// Writes brand, family and model of a device as the catalog does, where it knows the phone. Kazoo may send names for
/// people, and its families are not always ours.
pub(super) fn name_as_known(catalog: &Catalog, patch: &mut Body) {
    let Some(Value::Object(provision)) = patch.get_mut("provision") else { return };
    let said = |name: &str| text(provision.get(name));
    let entry = find(catalog, &said("endpoint_brand"), &said("endpoint_family"), &said("endpoint_model"));
    let Some(Entry { brand_id, family_id, model_id, .. }) = entry else { return };
    for (name, id) in
        [("endpoint_brand", brand_id), ("endpoint_family", family_id), ("endpoint_model", model_id)]
    {
        provision.insert(name.to_owned(), id.into());
    }
}

/// The model of this brand, by ids or by names for people; that of the named family where several have it.
fn find<'c>(catalog: &'c Catalog, brand: &str, family: &str, model: &str) -> Option<Entry<'c>> {
    let [brand, family, model] = [brand, family, model].map(folded);
    let is = |wanted: &str, id: &str, name: &str| folded(id) == wanted || folded(name) == wanted;
    let known = || {
        catalog.entries().filter(|entry| {
            is(&brand, entry.brand_id, &entry.brand.name) && is(&model, entry.model_id, &entry.model.name)
        })
    };
    known().find(|entry| is(&family, entry.family_id, &entry.family.name)).or_else(|| known().next())
}

fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn tree(catalog: &Catalog) -> Value {
    let mut brands = Map::new();
    for entry in catalog.entries() {
        let Entry { brand_id, family_id, model_id, .. } = entry;
        let brand = child(&mut brands, brand_id, brand_id, &entry.brand.name, "families");
        let family_name = format!("{brand_id}_{family_id}");
        let family = brand.map(|brand| child(brand, family_id, &family_name, &entry.family.name, "models"));
        if let Some(models) = family.flatten() {
            let id = format!("{brand_id}_{family_id}_{model_id}");
            models.insert(model_id.to_owned(), json!({"id": id, "name": entry.model.name}));
        }
    }
    Value::Object(brands)
}

/// The children of a node, which is made where it is not there.
fn child<'m>(
    nodes: &'m mut Map<String, Value>,
    key: &str,
    id: &str,
    name: &str,
    below: &str,
) -> Option<&'m mut Map<String, Value>> {
    let node = nodes.entry(key).or_insert_with(|| json!({"id": id, "name": name, below: {}}));
    node.get_mut(below)?.as_object_mut()
}

/// Combo keys go on over the expansion modules.
fn template(entry: Entry<'_>) -> Value {
    let model = entry.model;
    json!({
        "combo_keys": {"iterate": model.combo_keys()},
        "feature_keys": {"iterate": model.feature_keys},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::Pack;
    use crate::template::Set;

    fn known(brand: &str, family: &str, model: &str) -> String {
        let set = Set::compile(&Pack::shipped()).unwrap();
        let provision = json!({"endpoint_brand": brand, "endpoint_family": family, "endpoint_model": model});
        let mut patch = Body::from_iter([("provision".to_owned(), provision)]);
        name_as_known(set.catalog(), &mut patch);
        let said = |name: &str| text(patch["provision"].get(name));
        [said("endpoint_brand"), said("endpoint_family"), said("endpoint_model")].join("/")
    }

    #[test]
    fn a_phone_is_known_by_ids_by_names_and_in_another_family() {
        assert_eq!(known("yealink", "t4x", "t46s"), "yealink/t4x/t46s");
        assert_eq!(known("yealink", "t4", "T46S"), "yealink/t4x/t46s");
        assert_eq!(known("Poly", "", "VVX 411"), "polycom/vvx/vvx411");
        assert_eq!(known("polycom", "VVX", "vvx411"), "polycom/vvx/vvx411");
    }

    #[test]
    fn a_phone_that_the_catalog_lacks_keeps_its_names() {
        assert_eq!(known("acme", "spa", "SPA504G"), "acme/spa/SPA504G");
        assert_eq!(known("cisco", "spa", "SPA999G"), "cisco/spa/SPA999G");
        assert_eq!(known("", "", ""), "//");
    }

    #[test]
    fn all_phones_are_listed_below_their_brands_and_families() {
        let set = Set::compile(&Pack::shipped()).unwrap();
        let tree = tree(set.catalog());
        for entry in set.catalog().entries() {
            let Entry { brand_id, family_id, model_id, .. } = entry;
            let model = &tree[brand_id]["families"][family_id]["models"][model_id];
            assert_eq!(model["id"], format!("{brand_id}_{family_id}_{model_id}"));
            assert_eq!(model["name"], entry.model.name);
        }
        assert_eq!(tree["yealink"]["id"], "yealink");
    }

    #[test]
    fn combo_keys_are_counted_with_those_of_the_expansion_modules() {
        let set = Set::compile(&Pack::shipped()).unwrap();
        let counts = |brand, model| template(find(set.catalog(), brand, "", model).unwrap());
        let keys = |combo: u32, feature: u32| json!({"combo_keys": {"iterate": combo}, "feature_keys": {"iterate": feature}});
        assert_eq!(counts("yealink", "t46s"), keys(27 + 6 * 40, 0));
        assert_eq!(counts("grandstream", "grp2614"), keys(16, 24));
    }
}
