//! How an operation is described: a value that stands beside its handler in the table of routes.

/// What an operation is about. Operations of one subject stand together on the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Tag {
    Sessions,
    Accounts,
    Users,
    Devices,
    Bulk,
    Phones,
    Campaigns,
    Limits,
    Hotdesks,
    Provisioner,
    Site,
}

impl Tag {
    /// All, as they follow each other on the page.
    pub(super) const ALL: [Self; 11] = [
        Self::Sessions,
        Self::Accounts,
        Self::Users,
        Self::Devices,
        Self::Bulk,
        Self::Phones,
        Self::Campaigns,
        Self::Limits,
        Self::Hotdesks,
        Self::Provisioner,
        Self::Site,
    ];

    /// The tag's name in the document.
    pub(super) const fn name(self) -> &'static str {
        self.both().0
    }

    /// What its operations have in common.
    pub(super) const fn says(self) -> &'static str {
        self.both().1
    }

    const fn both(self) -> (&'static str, &'static str) {
        match self {
            Self::Sessions => ("sessions", "Who is calling: a key or a password for a token."),
            Self::Accounts => ("accounts", "Accounts, which lie in a tree and own users and devices."),
            Self::Users => ("users", "The people of an account."),
            Self::Devices => ("devices", "Phones, and whatever else can ring."),
            Self::Bulk => ("bulk", "Many devices at once."),
            Self::Phones => ("phones", "What each phone holds, would be given, and is told."),
            Self::Campaigns => ("campaigns", "Phones that are told because of the same thing."),
            Self::Limits => ("limits", "From where devices may register, and how often they may ask."),
            Self::Hotdesks => ("hotdesks", "Users who work at a device for a while."),
            Self::Provisioner => {
                ("provisioner", "What Kazoo asks of its provisioner; at the root as well as below /api.")
            }
            Self::Site => ("site", "What this daemon ships, and how it does."),
        }
    }
}

/// What a request's body holds under `data`.
#[derive(Clone, Copy)]
pub(in crate::api) enum Takes {
    /// No body is needed.
    Nothing,
    /// What this schema of the document allows.
    Data(&'static str),
    /// A list of it, in an envelope, as lines of JSON or as a table.
    Rows(&'static str),
    /// The body as a whole is what this schema describes.
    Whole(&'static str),
}

/// What a good answer holds.
#[derive(Clone, Copy)]
pub(in crate::api) enum Gives {
    /// An envelope with what this schema describes.
    Data(&'static str),
    /// An envelope with a list of it, which can be had as a table too.
    Rows(&'static str),
    /// No envelope: a body of one of these types.
    Plain(&'static [&'static str]),
    /// There is no good answer.
    Nothing,
}

/// The parameters of a list of which a page is read at a time.
pub(in crate::api) const PAGED: &[&str] = &["page_size", "start_key", "paginate", "ascending"];

/// The filters of a list.
pub(in crate::api) const FILTERED: &[&str] = &[
    "filters",
    "has_key",
    "key_missing",
    "has_value",
    "value_missing",
    "created_from",
    "created_to",
    "modified_from",
    "modified_to",
];

/// What a row of a list of devices says.
pub(in crate::api) const CHOSEN: &[&str] = &["fields", "full_docs", "with_status"];

/// What can go wrong with every request that needs a token.
const READING: &[u16] = &[400, 401, 403, 404, 415, 503];
const CHANGING: &[u16] = &[400, 401, 403, 404, 405, 409, 412, 415, 503];
const OPEN: &[u16] = &[400, 401, 404, 415, 503];

/// One operation: a verb at a path.
#[derive(Clone, Copy)]
pub(in crate::api) struct Op {
    pub(super) tag: Tag,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) takes: Takes,
    pub(super) gives: Gives,
    pub(super) status: u16,
    pub(super) also: &'static [(u16, &'static str, &'static str)],
    pub(super) parameters: &'static [&'static [&'static str]],
    pub(super) fails: &'static [u16],
    pub(super) needs_token: bool,
    pub(super) can_be_tried: bool,
    pub(super) reads: bool,
}

/// Something is read. `summary` is one sentence; `id` is unique.
pub(in crate::api) const fn read(tag: Tag, id: &'static str, summary: &'static str, gives: Gives) -> Op {
    Op {
        tag,
        id,
        summary,
        takes: Takes::Nothing,
        gives,
        status: 200,
        also: &[],
        parameters: &[],
        fails: READING,
        needs_token: true,
        can_be_tried: false,
        reads: true,
    }
}

/// Something is changed or done, and what there is afterwards is given back.
pub(in crate::api) const fn change(tag: Tag, id: &'static str, summary: &'static str, gives: Gives) -> Op {
    Op { fails: CHANGING, reads: false, ..read(tag, id, summary, gives) }
}

impl Op {
    /// The schema of what stands under `data` in the request.
    pub(in crate::api) const fn takes(self, schema: &'static str) -> Self {
        Self { takes: Takes::Data(schema), ..self }
    }

    /// A body that holds more than data.
    pub(in crate::api) const fn sends(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }

    /// Parameters of the query, by their names among [`super::parameters`].
    pub(in crate::api) const fn asks(self, parameters: &'static [&'static [&'static str]]) -> Self {
        Self { parameters, ..self }
    }

    /// Other good answers: their status, what they mean, and the schema of their data.
    pub(in crate::api) const fn also(self, also: &'static [(u16, &'static str, &'static str)]) -> Self {
        Self { also, ..self }
    }

    /// The status of a good answer is 201.
    pub(in crate::api) const fn creates(self) -> Self {
        Self { status: 201, ..self }
    }

    /// No token is needed.
    pub(in crate::api) const fn open(self) -> Self {
        Self { needs_token: false, fails: OPEN, ..self }
    }

    /// Other ways to fail than the usual ones.
    pub(in crate::api) const fn fails(self, fails: &'static [u16]) -> Self {
        Self { fails, ..self }
    }

    /// `dry_run=true` tells what it would do.
    pub(in crate::api) const fn can_be_tried(self) -> Self {
        let also = if self.status == 200 { self.also } else { &[(200, "What it would do", "plan")] };
        Self { can_be_tried: true, also, ..self }
    }
}
