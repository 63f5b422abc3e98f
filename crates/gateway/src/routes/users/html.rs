//! A user as a page for people. Everything that came from a person is escaped.

use crate::{
    html::escape,
    views::{AddressView, PictureView, PostalCodeView, PublicUserView, UserView},
};

/// The full form.
pub fn full(user: &UserView) -> String {
    let mut rows = row("E-mail", &user.email);
    for phone in &user.phone_numbers {
        rows.push_str(&row("Phone", phone));
    }
    if let Some(address) = &user.address {
        rows.push_str(&row("Address", &address_line(address)));
    }
    rows.push_str(&row("Member since", &user.created_at));
    page(user.id, &user.first_name, &user.last_name, user.picture.as_ref(), &rows)
}

/// The public form.
pub fn public(user: &PublicUserView) -> String {
    page(user.id, &user.first_name, &user.last_name, user.picture.as_ref(), "")
}

fn page(id: u64, first: &str, last: &str, picture: Option<&PictureView>, rows: &str) -> String {
    let name = escape(&format!("{first} {last}"));
    let picture = picture
        .map_or_else(String::new, |picture| format!("<p><img src=\"{}\" alt=\"{name}\"></p>\n", escape(&picture.url)));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}</title>\n<link rel=\"stylesheet\" href=\"/assets/style.css\">\n</head>\n<body>\n<main>\n<h1>{name}</h1>\n{picture}\
         <dl>\n{}{rows}</dl>\n</main>\n</body>\n</html>\n",
        row("User", &id.to_string())
    )
}

fn row(term: &str, text: &str) -> String {
    format!("<dt>{term}</dt><dd>{}</dd>\n", escape(text))
}

fn address_line(address: &AddressView) -> String {
    let code = address.postal_code.as_ref().map(|code| match code {
        PostalCodeView::Number(number) => number.to_string(),
        PostalCodeView::Text(text) => text.clone(),
    });
    let parts = [address.street_address.clone(), address.city.clone(), address.state.clone(), code];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_cannot_become_markup() {
        // R2
        let user = PublicUserView {
            id: 12,
            first_name: "<script>alert(1)</script>".into(),
            last_name: "\"'&".into(),
            picture: None,
        };
        let html = public(&user);
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt; &quot;&#39;&amp;"));
        assert!(!html.contains("<script"));
    }
}
