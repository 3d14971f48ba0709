//! The history of the fleet's repositories: who changed what, how long ago.

use super::manifests::{
    App, INGRESS, QUOTAS, REDIS, budget, config_map, cron_job, namespace, secret,
};

/// One commit of the story.
pub(super) struct Told {
    pub repository: &'static str,
    pub hours_ago: i64,
    pub author: &'static str,
    pub message: &'static str,
    pub files: Vec<(String, String)>,
}

const HOUR: i64 = 1;
const DAY: i64 = 24;

const CART: App = App {
    name: "cart",
    namespace: "shop",
    image: "registry.example.com/shop/cart:2.8.0",
    replicas: 2,
    memory: "256Mi",
    log_level: "info",
    deadline: 120,
};

fn app(name: &'static str, image: &'static str, replicas: u32) -> App {
    App { name, image, replicas, ..CART }
}

fn told(
    place: (&'static str, i64),
    author: &'static str,
    message: &'static str,
    files: Vec<(String, String)>,
) -> Told {
    Told { repository: place.0, hours_ago: place.1, author, message, files }
}

fn at(directory: &str, files: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    files.into_iter().map(|(name, text)| (format!("{directory}/{name}"), text)).collect()
}

fn service(app: &App) -> Vec<(String, String)> {
    at(&format!("apps/{}", app.name), app.files())
}

/// The whole story, oldest first within each repository.
pub(super) fn story() -> Vec<Told> {
    let mut story = storefront();
    story.extend(payments());
    story.extend(platform());
    story
}

#[expect(clippy::too_many_lines, reason = "a story is one list")]
fn storefront() -> Vec<Told> {
    let checkout =
        App { replicas: 3, ..app("checkout", "registry.example.com/shop/checkout:1.4.1", 3) };
    let mut first: Vec<(String, String)> = vec![
        (
            "README.md".into(),
            "# storefront\n\nWhat the shop runs. Merged to main means deployed.\n".into(),
        ),
        ("apps/frontend/namespace.yaml".into(), namespace("shop")),
    ];
    for app in [
        app("frontend", "registry.example.com/shop/frontend:5.2.0", 3),
        app("catalog", "registry.example.com/shop/catalog:3.0.4", 2),
        App { deadline: 5, ..app("search", "registry.example.com/shop/search:0.9.3", 2) },
        app("recommendations", "registry.example.com/shop/recommendations:1.1.0", 1),
    ] {
        first.extend(service(&app));
    }
    first.extend(service(&checkout));
    first.extend(service(&CART));
    let tasks =
        cron_job("recommendations-train", "registry.example.com/shop/trainer:1.1.0", "30 2 * * *");
    vec![
        told(
            ("storefront", 40 * DAY),
            "Ana Torres",
            "Move the shop to Git\n\nExported from the cluster, cleaned by hand.",
            first,
        ),
        told(
            ("storefront", 21 * DAY),
            "Leo Brandt",
            "recommendations: train every night",
            vec![("apps/recommendations/training.yaml".into(), tasks)],
        ),
        told(
            ("storefront", 9 * DAY),
            "Leo Brandt",
            "frontend: keep two pods through a drain",
            vec![("apps/frontend/budget.yaml".into(), budget("frontend", 2))],
        ),
        told(
            ("storefront", 3 * DAY),
            "Leo Brandt",
            "checkout: memory 512Mi\n\nOut of memory twice during the sale.",
            service(&App { memory: "512Mi", ..checkout }),
        ),
        told(
            ("storefront", DAY),
            "Release Bot",
            "checkout: image 1.4.1 -> 1.4.2",
            service(&App {
                memory: "512Mi",
                image: "registry.example.com/shop/checkout:1.4.2",
                ..checkout
            }),
        ),
        told(
            ("storefront", 5 * HOUR),
            "Release Bot",
            "cart: image 2.8.0 -> 2.8.1",
            service(&App { image: "registry.example.com/shop/cart:2.8.1", ..CART }),
        ),
        told(
            ("storefront", 4 * HOUR),
            "Ana Torres",
            "cart: three replicas for the weekend",
            service(&App { image: "registry.example.com/shop/cart:2.8.1", replicas: 3, ..CART }),
        ),
        told(
            ("storefront", 3 * HOUR),
            "Release Bot",
            "search: image 0.9.3 -> 0.10.0-missing\n\nBuilt by the nightly pipeline.",
            service(&App {
                deadline: 5,
                ..app("search", "registry.example.com/shop/search:0.10.0-missing", 2)
            }),
        ),
        told(
            ("storefront", 2 * HOUR),
            "Ana Torres",
            "cart: log less",
            service(&App {
                image: "registry.example.com/shop/cart:2.8.1",
                replicas: 3,
                log_level: "warn",
                ..CART
            }),
        ),
        told(
            ("storefront", HOUR),
            "Mira Okafor",
            "reviews: first version",
            service(&app("reviews", "registry.example.com/shop/reviews:0.1.0", 1)),
        ),
    ]
}

fn payments() -> Vec<Told> {
    let app = |name, image, replicas| App { namespace: "payments", ..app(name, image, replicas) };
    let fraud = app("fraud", "registry.example.com/payments/fraud:1.7.0", 2);
    let ledger = app("ledger", "registry.example.com/payments/ledger:4.0.0", 2);
    let mut first: Vec<(String, String)> =
        vec![("apps/gateway/namespace.yaml".into(), namespace("payments"))];
    for app in [
        app("gateway", "registry.example.com/payments/gateway:2.3.1", 3),
        app("webhooks", "registry.example.com/payments/webhooks:1.0.2", 1),
        fraud,
        ledger,
    ] {
        first.extend(service(&app));
    }
    first.push(("apps/webhooks/secret.yaml".into(), secret("webhooks-signing")));
    let rules = config_map("fraud-rules", &[("threshold", "0.92"), ("window", "15m")]);
    // Indented wrongly by hand: one malformed document stops the whole mapping, and nothing is pruned.
    let broken = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fraud-rules\ndata:\n  threshold: \"0.95\"\n window: \"10m\"\n";
    vec![
        told(("payments", 35 * DAY), "Ana Torres", "Move payments to Git", first),
        told(
            ("payments", 6 * DAY),
            "Jun Sato",
            "fraud: rules as a ConfigMap",
            vec![("apps/fraud/rules.yaml".into(), rules)],
        ),
        told(
            ("payments", 7 * HOUR),
            "Release Bot",
            "ledger: image 4.0.0 -> 4.1.0",
            service(&App { image: "registry.example.com/payments/ledger:4.1.0", ..ledger }),
        ),
        told(
            ("payments", HOUR),
            "Jun Sato",
            "fraud: stricter threshold",
            vec![("apps/fraud/rules.yaml".into(), broken.into())],
        ),
    ]
}

fn platform() -> Vec<Told> {
    let files = vec![
        ("ingress/namespace.yaml".to_owned(), namespace("platform")),
        ("ingress/ingress.yaml".to_owned(), INGRESS.to_owned()),
        ("redis/redis.yaml".to_owned(), REDIS.to_owned()),
    ];
    vec![
        told(("platform", 60 * DAY), "Platform Team", "Base services", files),
        told(
            ("platform", 12 * DAY),
            "Mira Okafor",
            "quotas: limits of the platform namespace",
            vec![("quotas/quotas.yaml".into(), QUOTAS.into())],
        ),
    ]
}
