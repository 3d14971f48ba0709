//! Where the sandbox is known to answer differently, each with the reason. What is not here has to be equal.

/// The beginning of what was asked, and why the answers differ.
const LIMITS: &[(&str, &str)] = &[
    ("kubectl explain", "the sandbox's schemas carry no descriptions"),
    ("access reviews", "reviews are answered, not tracked: they have no managedFields"),
    ("watches [9]", "a revision that is no number is a bad request, not an unforeseen error"),
    ("requests that cannot be met [16]", "the words about an unknown directive differ"),
    ("requests that cannot be met [24]", "tokens of lists have a form of their own"),
    (
        "mutations merge /api/v1/namespaces/parity-mutations/secrets/s /data/a []",
        "an array of numbers is taken for bytes",
    ),
    (
        "mutations strategic /api/v1/namespaces/parity-mutations/configmaps/c /binaryData/b []",
        "as above",
    ),
    (
        "mutations json /api/v1/namespaces/parity-mutations/configmaps/c /binaryData/b []",
        "as above",
    ),
    ("widgets [16]", "who scaled a custom resource through its subresource stays on record"),
    ("widgets [18]", "as above, in the list"),
    ("widgets [19]", "as above, in the table"),
    ("secrets and metadata [2]", "the same causes in another order"),
    (
        "fields that cannot change [3]",
        "the server prints the template in the form of its own memory",
    ),
    (
        "fields that cannot change [4]",
        "headless Services without a selector are of one address family",
    ),
    ("fields that cannot change [5]", "as above, in the refusal"),
];

/// The stated limit for what was asked.
pub fn reason(asked: &str) -> Option<&'static str> {
    LIMITS.iter().find(|(prefix, _)| asked.starts_with(prefix)).map(|(_, reason)| *reason)
}
