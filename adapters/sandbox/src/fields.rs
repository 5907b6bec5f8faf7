//! What a request says in its query, its form and its uploads: how Weibo and WeChat take parameters.

use axum::body::Bytes;
use axum::http::header;
use futures_util::stream;

use crate::exchange::Arrival;
use crate::strict::essence;

/// Parameters in the order of their arrival, the query's first. Of equal names the last one counts, as in a form over a
/// query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    values: Vec<(String, String)>,
    files: Vec<Upload>,
    /// There was a body, but not of a kind that carries parameters.
    pub(crate) is_lost: bool,
}

/// A file of `multipart/form-data`.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) file_name: String,
    pub(crate) bytes: Bytes,
}

impl Fields {
    pub(crate) async fn read(arrival: &Arrival) -> Self {
        let mut fields = Self::default();
        fields.take_pairs(arrival.query.as_bytes());
        let content_type = arrival.header(header::CONTENT_TYPE).unwrap_or_default();
        match essence(content_type).as_str() {
            "application/x-www-form-urlencoded" => fields.take_pairs(&arrival.body),
            "multipart/form-data" => fields.take_parts(content_type, arrival.body.clone()).await,
            _ => fields.is_lost = !arrival.body.is_empty(),
        }
        fields
    }

    /// The value of a parameter; one that is empty is as good as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let last = self.values.iter().rev().find(|(known, _)| known == name);
        last.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn file(&self, name: &str) -> Option<&Upload> {
        self.files.iter().find(|file| file.name == name)
    }

    fn take_pairs(&mut self, pairs: &[u8]) {
        let pairs = form_urlencoded::parse(pairs);
        self.values.extend(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())));
    }

    /// A body that breaks off gives what came before; what is missing is then missed by name.
    async fn take_parts(&mut self, content_type: &str, body: Bytes) {
        let Ok(boundary) = multer::parse_boundary(content_type) else {
            self.is_lost = true;
            return;
        };
        let body = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
        let mut parts = multer::Multipart::new(body, boundary);
        while let Ok(Some(part)) = parts.next_field().await {
            let name = part.name().unwrap_or_default().to_owned();
            // A picture is a file also when its part gives no name for it.
            let is_picture = part.content_type().is_some_and(|kind| kind.type_() == "image");
            let file_name = part.file_name().map(str::to_owned).or_else(|| is_picture.then(String::new));
            let Ok(bytes) = part.bytes().await else { return };
            match file_name {
                Some(file_name) => self.files.push(Upload { name, file_name, bytes }),
                None => self.values.push((name, String::from_utf8_lossy(&bytes).into_owned())),
            }
        }
    }
}
