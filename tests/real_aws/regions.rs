//! Replica regions, and AWS's own host names: a proxy leads them to loopback.

use test_servers::aws::{Keys, refused, region};
use test_servers::provider::{error_text, get_request};
use test_servers::{Authority, AwsServer, Issuer, Provider, Proxy, Route, Run, Trust};

use crate::BINARY;
use crate::team::{URL, answer, config, with_keys};

const REGIONS: &str = "regions = [\"eu-west-1\", \"eu-central-1\"]";
const ROLE: &str = "arn:aws:iam::123456789012:role/ci";

/// All of AWS, at its own names, over TLS.
struct World {
    aws: AwsServer,
    keys: Keys,
    authority: Authority,
    proxy: Proxy,
}

impl World {
    /// Where these hosts are, and all others at one double.
    fn new(
        names: &[&str],
        elsewhere: impl Fn(&str) -> Option<Route> + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::new();
        let aws = AwsServer::start_tls(&authority.server(names));
        aws.put("cargo", "replicated-t0ken");
        let (keys, port) = (aws.user("arn:aws:iam::123456789012:user/ci"), aws.port());
        let proxy = Proxy::start(move |target| elsewhere(target).unwrap_or(Route::Port(port)));
        Self {
            aws,
            keys,
            authority,
            proxy,
        }
    }

    /// The provider, with the authority in the variable that AWS's command line has for it.
    fn provider(&self, settings: &str) -> Provider {
        let provider = self.nobody(settings);
        with_keys(provider, &self.keys)
    }

    fn nobody(&self, settings: &str) -> Provider {
        let provider = Provider::new(BINARY)
            .config(&config(settings, "secret = \"cargo\""))
            .file("ca.pem", self.authority.pem());
        let ca = provider.home().join("ca.pem");
        provider
            .env("AWS_CA_BUNDLE", ca)
            .env("HTTPS_PROXY", self.proxy.url())
    }
}

fn ask(provider: &Provider) -> Run {
    provider.run(get_request(URL, "read").as_bytes())
}

#[test]
fn the_next_region_where_the_first_is_away() {
    let world = World::new(&["secretsmanager.eu-central-1.amazonaws.com"], |target| {
        target.contains(".eu-west-1.").then_some(Route::Away)
    });
    let run = ask(&world.provider(REGIONS));
    assert_eq!(run.answer(), answer("replicated-t0ken"));
    // Whoever waits for it learns why.
    assert!(
        run.stderr
            .contains("is from the region `eu-central-1`; before it, `eu-west-1`: "),
        "{}",
        run.stderr
    );
    let asked = world.proxy.asked();
    assert_eq!(
        asked.last().unwrap(),
        "secretsmanager.eu-central-1.amazonaws.com:443"
    );
    assert!(
        asked[..asked.len() - 1]
            .iter()
            .all(|host| host == "secretsmanager.eu-west-1.amazonaws.com:443")
    );
}

#[test]
fn the_next_region_where_the_first_is_silent() {
    let world = World::new(&["secretsmanager.eu-central-1.amazonaws.com"], |target| {
        target.contains(".eu-west-1.").then_some(Route::BlackHole)
    });
    // The silent one gets half of the time.
    let provider = world.provider(REGIONS).within("4s");
    assert_eq!(ask(&provider).answer(), answer("replicated-t0ken"));
}

#[test]
fn the_next_region_where_sts_of_the_first_is_away_too() {
    let issuer = Issuer::start();
    let names = [
        "secretsmanager.eu-central-1.amazonaws.com",
        "sts.eu-central-1.amazonaws.com",
    ];
    let world = World::new(&names, |target| {
        target.contains(".eu-west-1.").then_some(Route::Away)
    });
    world
        .aws
        .role(ROLE, Trust::new(&issuer, "sts.amazonaws.com"));
    let settings = format!(
        "{REGIONS}\nauth = {{ method = \"web-identity\", role-arn = \"{ROLE}\", identity = {{ env = \"ID\" }} }}"
    );
    let token = issuer.token("sts.amazonaws.com");
    let provider = world.nobody(&settings).env("ID", &token).secret(&token);
    assert_eq!(ask(&provider).answer(), answer("replicated-t0ken"));
    assert_eq!(
        world.aws.operations(),
        ["AssumeRoleWithWebIdentity", "GetSecretValue"]
    );
}

#[test]
fn no_region_at_all() {
    let world = World::new(&["x.example.com"], |_| Some(Route::Away));
    let text = error_text(&ask(&world.provider(REGIONS)).answer());
    assert!(
        text.starts_with("AWS can't be reached in any of the regions\neu-west-1: "),
        "{text}"
    );
    assert!(text.contains("\neu-central-1: "), "{text}");
}

#[test]
fn the_next_region_where_the_first_fails() {
    let aws = AwsServer::start();
    aws.put("cargo", "replicated-t0ken");
    let keys = aws.user("arn:aws:iam::123456789012:user/ci");
    aws.intercept(|request| {
        (region(request) == Some("eu-west-1"))
            .then(|| refused(503, "InternalServiceError", "not today"))
    });
    let provider = Provider::new(BINARY)
        .config(&config(REGIONS, "secret = \"cargo\""))
        .env("AWS_ENDPOINT_URL", aws.url());
    let provider = with_keys(provider, &keys);
    let run = ask(&provider);
    assert_eq!(run.answer(), answer("replicated-t0ken"));
    assert_eq!(aws.operations().len(), 4, "three tries, and one");
}

#[test]
fn a_refusal_holds_for_all_regions() {
    let names = [
        "secretsmanager.eu-west-1.amazonaws.com",
        "secretsmanager.eu-central-1.amazonaws.com",
    ];
    let world = World::new(&names, |_| None);
    world.aws.deny("cargo");
    let text = error_text(&ask(&world.provider(REGIONS)).answer());
    assert!(text.contains("answered AccessDeniedException"), "{text}");
    assert_eq!(
        world.proxy.asked(),
        ["secretsmanager.eu-west-1.amazonaws.com:443"]
    );
}

/// Secrets Manager's usual host speaks both; STS has another.
#[test]
fn hosts_of_fips_and_dual_stack() {
    const FIPS: &str = "AWS_USE_FIPS_ENDPOINT";
    const DUAL: &str = "AWS_USE_DUALSTACK_ENDPOINT";
    for (variables, sts, host) in [
        (
            &[][..],
            "sts.us-east-1.amazonaws.com",
            "secretsmanager.us-east-1.amazonaws.com",
        ),
        (
            &[FIPS],
            "sts-fips.us-east-1.amazonaws.com",
            "secretsmanager-fips.us-east-1.amazonaws.com",
        ),
        (
            &[DUAL],
            "sts.us-east-1.api.aws",
            "secretsmanager.us-east-1.amazonaws.com",
        ),
        (
            &[FIPS, DUAL],
            "sts-fips.us-east-1.api.aws",
            "secretsmanager-fips.us-east-1.amazonaws.com",
        ),
    ] {
        let world = World::new(&[sts, host], |_| None);
        world.aws.plain_role(ROLE);
        let settings = format!("region = \"us-east-1\"\nrole-arn = \"{ROLE}\"");
        let provider = variables
            .iter()
            .fold(world.provider(&settings), |provider, name| {
                provider.env(*name, "true")
            });
        assert_eq!(
            ask(&provider).answer(),
            answer("replicated-t0ken"),
            "{variables:?}"
        );
        assert_eq!(
            world.proxy.asked(),
            [format!("{sts}:443"), format!("{host}:443")]
        );
    }
}

#[test]
fn a_host_of_china_and_one_in_the_config() {
    for (settings, host) in [
        (
            "region = \"cn-north-1\"",
            "secretsmanager.cn-north-1.amazonaws.com.cn",
        ),
        (
            "region = \"eu-west-1\"\nendpoint = \"https://vpce-1.secretsmanager.example.com\"",
            "vpce-1.secretsmanager.example.com",
        ),
    ] {
        let world = World::new(&[host], |_| None);
        assert_eq!(
            ask(&world.provider(settings)).answer(),
            answer("replicated-t0ken"),
            "{host}"
        );
        assert_eq!(world.proxy.asked(), [format!("{host}:443")]);
    }
}

#[test]
fn the_certificate_of_another_authority() {
    let world = World::new(&["secretsmanager.eu-west-1.amazonaws.com"], |_| None);
    let other = Authority::new();
    let provider = world
        .provider("region = \"eu-west-1\"")
        .file("ca.pem", other.pem());
    let text = error_text(&ask(&provider).answer());
    assert!(text.contains("certificate"), "{text}");
    assert!(world.aws.requests().is_empty());
    // `ca-file` comes before the variable.
    let provider = world
        .provider("region = \"eu-west-1\"\nca-file = \"~/right.pem\"")
        .file("ca.pem", other.pem())
        .file("right.pem", world.authority.pem());
    assert_eq!(ask(&provider).answer(), answer("replicated-t0ken"));
}
