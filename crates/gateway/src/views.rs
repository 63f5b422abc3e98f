//! The objects of the public API, exactly as they are written.

use model::{
    Error,
    image::Image,
    profile::{Address, ProfilePicture, User},
    session::Session,
    time::rfc3339,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Gateway;

/// A user, whole.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = User)]
pub struct UserView {
    /// Below 2^53.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_u64, example = 12)]
    pub id: u64,
    /// As given.
    #[schema(example = "john.smith@example.com")]
    pub email: String,
    /// First name.
    #[schema(example = "John")]
    pub first_name: String,
    /// Last name.
    #[schema(example = "Smith")]
    pub last_name: String,
    /// Postal address.
    #[schema(required = true)]
    pub address: Option<AddressView>,
    /// In the order given.
    pub phone_numbers: Vec<String>,
    /// The picture worn.
    #[schema(required = true)]
    pub picture: Option<PictureView>,
    /// When the user signed up.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When the profile last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// What anybody may see of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PublicUser)]
pub struct PublicUserView {
    /// Below 2^53.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_u64, example = 12)]
    pub id: u64,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The picture worn.
    #[schema(required = true)]
    pub picture: Option<PictureView>,
}

/// A user as the caller may see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = UserOrPublicUser)]
pub enum AnyUserView {
    /// For the owner and administrators.
    Full(UserView),
    /// For everybody else.
    Public(PublicUserView),
}

/// A postal address; any field may be absent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Address)]
pub struct AddressView {
    /// Street and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "21 2nd Street")]
    pub street_address: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "New York")]
    pub city: Option<String>,
    /// State or province.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "NY")]
    pub state: Option<String>,
    /// A number where nothing is lost by it, else text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub postal_code: Option<PostalCodeView>,
}

/// A postal code: `10021`, `"02134"`, `"SW1A 1AA"`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = PostalCode)]
pub enum PostalCodeView {
    /// `0` or `[1-9][0-9]*` below 2^53.
    Number(u64),
    /// Anything else, kept as it is.
    Text(String),
}

/// The picture worn by a profile.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ProfilePicture)]
pub struct PictureView {
    /// Where to get it.
    pub url: String,
    /// Where to get it if that fails.
    pub origin_url: String,
    /// Rises with every change.
    pub version: u64,
}

/// A session as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Session)]
pub struct SessionView {
    /// Its id, not the token.
    pub id: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last used.
    #[schema(format = DateTime)]
    pub last_seen_at: String,
    /// When it ends if it is not used.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Address of the sign-in.
    pub ip: String,
    /// User agent of the sign-in.
    pub user_agent: String,
    /// Whether this very request belongs to it.
    pub current: bool,
}

/// What a sign-in gives.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewSession)]
pub struct NewSessionView {
    /// The session's id.
    pub id: String,
    /// The bearer token; shown this once.
    pub token: String,
    /// When the session ends if it is not used.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Who is signed in.
    pub user_id: u64,
}

/// An uploaded picture and what becomes of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Image)]
pub struct ImageView {
    /// 32 hexadecimal digits.
    pub id: String,
    /// `queued`, `running`, `done` or `failed`.
    pub status: ImageStatusView,
    /// Attempts begun, 3 at most.
    pub attempts: u32,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<ImageErrorView>,
    /// What was uploaded.
    pub source: SourceView,
    /// What came of it.
    pub variants: Vec<VariantView>,
    /// When it was uploaded.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was done or had failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub finished_at: Option<String>,
}

/// Where an image's job stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ImageStatus)]
pub enum ImageStatusView {
    /// Waits for a worker.
    Queued,
    /// A worker has begun.
    Running,
    /// All variants are there.
    Done,
    /// It will not be done.
    Failed,
}

/// Why an image failed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ImageError)]
pub struct ImageErrorView {
    /// The kind for programs.
    pub code: String,
    /// What to do.
    pub detail: String,
}

/// An uploaded picture, upright.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Source)]
pub struct SourceView {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
    /// `jpeg`, `png`, `webp` or `gif`.
    pub format: String,
}

/// One finished picture.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Variant)]
pub struct VariantView {
    /// `default`, or the name asked for.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
    /// `jpeg`, `png`, `webp` or `avif`.
    pub format: String,
    /// Where to get it.
    pub url: String,
    /// Where to get it if that fails.
    pub origin_url: String,
}

/// A finished picture in the recent feed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = FeedPicture)]
pub struct FeedPictureView {
    /// Whose.
    pub user_id: u64,
    /// The owner's first name.
    pub first_name: String,
    /// The owner's last name.
    pub last_name: String,
    /// The image; its own page has all variants.
    pub image_id: String,
    /// The variant that is shown: the first of the image's.
    pub variant: String,
    /// Where to get it.
    pub url: String,
    /// Where to get it if that fails.
    pub origin_url: String,
    /// When it was uploaded.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListView<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// Where the next page begins; null at the end.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

impl Gateway {
    /// Where a derived picture is fetched, and where it comes from.
    fn media_urls(&self, key: &str) -> (String, String) {
        (format!("{}/v1/media/{key}", self.cdn_url), format!("{}/v1/media/{key}", self.public_url))
    }

    fn picture_view(&self, picture: &ProfilePicture) -> PictureView {
        let (url, origin_url) = self.media_urls(&picture.key);
        PictureView { url, origin_url, version: picture.version }
    }

    /// The full form of a user.
    pub fn user_view(&self, user: User) -> UserView {
        UserView {
            id: user.id.get(),
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            address: user.address.map(address_view),
            phone_numbers: user.phone_numbers,
            picture: user.picture.map(|picture| self.picture_view(&picture)),
            created_at: rfc3339(user.created_at_ms),
            updated_at: rfc3339(user.updated_at_ms),
        }
    }

    /// The public form of a user.
    pub fn public_user_view(&self, user: User) -> PublicUserView {
        PublicUserView {
            id: user.id.get(),
            first_name: user.first_name,
            last_name: user.last_name,
            picture: user.picture.map(|picture| self.picture_view(&picture)),
        }
    }

    /// A picture in the recent feed.
    pub fn feed_picture_view(&self, picture: api::feed::v1::Picture) -> FeedPictureView {
        let (url, origin_url) = self.media_urls(&picture.key);
        FeedPictureView {
            user_id: picture.user_id,
            first_name: picture.first_name,
            last_name: picture.last_name,
            image_id: picture.image_id,
            variant: picture.variant,
            url,
            origin_url,
            created_at: rfc3339(picture.created_at_ms),
        }
    }

    /// An image.
    pub fn image_view(&self, image: Image) -> ImageView {
        use model::image::ImageStatus as S;
        ImageView {
            id: image.id.to_string(),
            status: match image.status {
                S::Queued => ImageStatusView::Queued,
                S::Running => ImageStatusView::Running,
                S::Done => ImageStatusView::Done,
                S::Failed => ImageStatusView::Failed,
            },
            attempts: image.attempts,
            error: image.error.map(|error| ImageErrorView { code: error.code, detail: error.detail }),
            source: SourceView {
                width: image.source.width,
                height: image.source.height,
                bytes: image.source.bytes,
                format: image.source.format,
            },
            variants: image
                .variants
                .into_iter()
                .map(|variant| {
                    let (url, origin_url) = self.media_urls(&variant.key);
                    let (width, height) = (variant.width, variant.height);
                    VariantView {
                        name: variant.name,
                        width,
                        height,
                        bytes: variant.bytes,
                        format: variant.format,
                        url,
                        origin_url,
                    }
                })
                .collect(),
            created_at: rfc3339(image.created_at_ms),
            finished_at: image.finished_at_ms.map(rfc3339),
        }
    }
}

fn address_view(address: Address) -> AddressView {
    AddressView {
        street_address: address.street_address,
        city: address.city,
        state: address.state,
        postal_code: address
            .postal_code
            .map(|code| code.as_number().map_or_else(|| PostalCodeView::Text(code.0.clone()), PostalCodeView::Number)),
    }
}

/// A session; `current` where it is the caller's own.
pub fn session_view(session: Session, current: bool) -> SessionView {
    SessionView {
        id: session.id.to_string(),
        created_at: rfc3339(session.created_at_ms),
        last_seen_at: rfc3339(session.last_seen_at_ms),
        expires_at: rfc3339(session.expires_at_ms),
        ip: session.ip,
        user_agent: session.user_agent,
        current,
    }
}

/// A message that a service must send; without it the fault is ours.
pub fn must<M, T: TryFrom<M, Error = Error>>(message: Option<M>) -> Result<T, Error> {
    message.and_then(|message| T::try_from(message).ok()).ok_or_else(|| {
        tracing::error!("a service answered with a message that is not whole");
        Error::internal()
    })
}

/// An object as JSON.
pub fn to_json(view: &impl Serialize) -> Result<bytes::Bytes, Error> {
    serde_json::to_vec(view).map(Into::into).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "an answer cannot be written as JSON");
        Error::internal()
    })
}
