//! Files that phones ask for by POST.

use actix_web::{HttpRequest, web};

use super::sent::hear;
use super::{Answered, Asked, Shelf, serve};

/// The longest form with which a phone asks for a file, in bytes.
const LONGEST_FORM: usize = 16 * 1024;

impl Shelf {
    /// A file that the phone asks for by POST, whatever it says with it; else what it sends is taken.
    pub(super) async fn posted(
        &self,
        request: &HttpRequest,
        asked: &Asked<'_>,
        payload: web::Payload,
    ) -> Result<Answered, &'static str> {
        let rendered = self.rendered(asked, &self.files.set()).await.ok();
        let Some((given, at)) = rendered.filter(|(given, at)| given.files[*at].posted) else {
            return self.take(request, asked, payload).await;
        };
        hear(payload, LONGEST_FORM, |_| ()).await?;
        let (response, decision) = serve(&given.files[at], "");
        self.heard(asked, &given, at);
        Ok((response, Some(given), decision))
    }
}
