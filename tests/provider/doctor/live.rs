//! The registry itself, asked with the token and without.

use test_servers::doctor::{
    add, assert_well, cargo_config, edit, first_problem, help, problem_of, quoted,
};
use test_servers::{Authority, Provider, Registry, Response, Server, Tokens};

use super::{TOKEN, directory, provider, registry};

/// A registry that answers whoever shows `wanted` with 200, and all others with `refusal`.
fn desk(wanted: &'static str, refusal: impl Fn() -> Response + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.header("authorization") {
        Some(shown) if shown == wanted => {
            Response::text(200, "{\"dl\":\"x\",\"auth-required\":true}")
        }
        _ => refusal(),
    })
}

fn of(server: &Server) -> (String, Provider) {
    let url = format!("sparse+{}/index/", server.url());
    (url.clone(), provider(&url))
}

#[test]
fn the_token_goes_to_the_registry_and_is_taken() {
    let registry = registry();
    let run = provider(&registry.index_url()).tool(&["doctor", "corp"]);
    assert_well(&run);
    for line in [
        "    ok      there is a token: 21 characters, without a scheme\n",
        "    ok      this machine's clock agrees with the registry's\n",
        "    ok      the registry wants a token for reads, and takes this one\n",
    ] {
        assert!(run.stdout.contains(line), "{}", run.stdout);
    }
    let shown: Vec<_> = registry
        .authorizations()
        .into_iter()
        .map(|(_, path, shown)| (path, shown))
        .collect();
    let config = "/index/config.json".to_owned();
    assert_eq!(
        shown,
        [(config.clone(), None), (config, Some(TOKEN.to_owned()))]
    );
}

#[test]
fn a_token_without_its_scheme() {
    for challenge in [
        "Cargo login_url=\"https://r.example/me\"",
        "Bearer realm=\"r\"",
    ] {
        let server = desk("Bearer r3gistry-s3cret-token", move || {
            Response::text(401, "who are you?").header("www-authenticate", challenge)
        });
        let (url, provider) = of(&server);
        let text = first_problem(&provider);
        assert_eq!(
            text,
            format!(
                "the token has no scheme, and the registry takes it as `Bearer` only\n\
                 - GET {}/index/config.json answered 401 Unauthorized with it\n- who are you?\n\
                 help: set `scheme = \"Bearer\"` in `[registries.\"{url}\"]` of the config",
                server.url()
            )
        );
        let help = help(&text);
        add(&provider, quoted(help, " in "), quoted(help, "set "));
        assert_well(&provider.tool(&["doctor"]));
    }
}

#[test]
fn a_token_that_is_not_the_registrys() {
    let registry = Registry::start_with(Tokens {
        read: "another".to_owned(),
        publish: "another".to_owned(),
    });
    let text = problem_of(&provider(&registry.index_url()).tool(&["doctor"]));
    assert!(
        text.starts_with("the registry refuses the token\n- GET "),
        "{text}"
    );
    assert!(
        text.ends_with("\nhelp: make a new token in the registry, and store it in the place that this one is from"),
        "{text}"
    );
}

#[test]
fn statuses_that_are_told_apart() {
    for (status, wanted, expected) in [
        (
            403,
            TOKEN,
            "the registry answers 403 Forbidden where there is no token, and Cargo sends one only after a 401",
        ),
        (
            404,
            TOKEN,
            "the registry answers 404 Not Found where there is no token, and Cargo sends one only after a 401",
        ),
        (404, "another", "there is no index at this address"),
        (
            403,
            "another",
            "the registry knows the token, and does not let it read",
        ),
        (501, "another", "the registry can't answer now"),
    ] {
        let server = desk(wanted, move || Response::text(status, "no"));
        let text = problem_of(&of(&server).1.tool(&["doctor"]));
        assert_eq!(text.lines().next(), Some(expected), "{text}");
        assert!(text.contains("\nhelp: "), "{text}");
    }
    let page = Server::start(|_| Response::text(200, "<html>"));
    let text = problem_of(&of(&page).1.tool(&["doctor"]));
    assert!(
        text.starts_with("the answer of the registry is not the `config.json` of an index\n"),
        "{text}"
    );
}

#[test]
fn a_registry_that_is_open() {
    let server = Server::start(|_| Response::text(200, "{\"dl\":\"x\"}"));
    let run = of(&server).1.tool(&["doctor"]);
    assert_well(&run);
    assert!(
        run.stdout
            .contains("    ok      the registry wants no token for reads\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_token_goes_nowhere_else() {
    let other = registry();
    let url = other.url();
    let server = Server::start(move |_| {
        Response::text(307, "").header("location", &format!("{url}/index/config.json"))
    });
    let text = problem_of(&of(&server).1.tool(&["doctor"]));
    assert!(
        text.starts_with(&format!("`{}` sends us elsewhere\n", server.url())),
        "{text}"
    );
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn an_authority_that_is_not_trusted() {
    let authority = Authority::new();
    let server = Server::start_tls(
        &authority.server(&["127.0.0.1"]),
        None,
        |request| match request.header("authorization") {
            Some(TOKEN) => Response::text(200, "{\"dl\":\"x\",\"auth-required\":true}"),
            _ => Response::text(401, ""),
        },
    );
    let (url, provider) = of(&server);
    let another = Authority::new();
    let provider = provider
        .file("another.pem", another.pem())
        .file("ca.pem", authority.pem());
    let bundle = provider.home().join("another.pem");
    let provider = provider.env("SSL_CERT_FILE", bundle);
    let run = provider.tool(&["doctor"]);
    let text = problem_of(&run);
    assert_eq!(
        text.lines().next(),
        Some(format!("no secure connection to `{}`", server.url()).as_str())
    );
    let setting = quoted(help(&text), "set ").to_owned();
    assert_eq!(setting, "http.cainfo");
    let config = format!("{}\n[http]\ncainfo = \"ca.pem\"\n", cargo_config(&url));
    let run = provider
        .file(".cargo/config.toml", &config)
        .tool(&["doctor"]);
    assert_well(&run);
    assert!(
        run.stdout.contains("/ca.pem` (`http.cainfo` of Cargo)\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_registry_that_repeats_the_token() {
    let server = Server::start(|request| match request.header("authorization") {
        Some(shown) => Response::text(401, &format!("no such token: {}", shown.replace(' ', "_"))),
        None => Response::text(401, ""),
    });
    let (url, provider) = of(&server);
    let provider = provider.secret("dXNlcjpyM2dpc3RyeS1zM2NyZXQtdG9rZW4=");
    let table = format!("[registries.\"{url}\"]");
    for scheme in [
        "scheme = \"Bearer\"",
        "scheme = \"Basic\"\nusername = \"user\"",
    ] {
        add(&provider, &table, scheme);
        let text = problem_of(&provider.tool(&["doctor"]));
        assert!(text.contains("\n- no such token: "), "{text}");
        assert!(text.contains("[redacted]"), "{text}");
        edit(
            &provider,
            ".cargo/credential-bridge.toml",
            &format!("{scheme}\n"),
            "",
        );
    }
}

#[test]
fn a_way_that_the_repository_says_is_not_gone() {
    let registry = registry();
    let run = provider(&registry.index_url())
        .file(
            "work/.cargo/config.toml",
            "[http]\nproxy = \"http://127.0.0.1:1\"\ncainfo = \"ca.pem\"\n",
        )
        .tool(&["doctor"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for (key, line) in [("cainfo", 3), ("proxy", 2)] {
        let warning =
            format!("    warning the repository says which `http.{key}` Cargo uses, at `");
        assert!(run.stdout.contains(&warning), "{}", run.stdout);
        assert!(
            run.stdout
                .contains(&format!("/work/.cargo/config.toml`, line {line}\n")),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn a_wrong_clock() {
    let server = Server::start(|request| {
        let answer = match request.header("authorization") {
            Some(TOKEN) => Response::text(200, "{\"dl\":\"x\",\"auth-required\":true}"),
            _ => Response::text(401, ""),
        };
        answer.header("date", "Thu, 01 Jan 2026 00:00:00 GMT")
    });
    let text = problem_of(&of(&server).1.tool(&["doctor"]));
    assert!(text.starts_with("this machine's clock is "), "{text}");
    assert!(
        text.ends_with("\nhelp: set the clock (NTP): tokens and signatures hold for minutes"),
        "{text}"
    );
}

#[test]
fn a_git_index_is_not_asked() {
    let url = "https://git.example.com/index";
    let run = Provider::new(crate::BINARY)
        .config(&format!(
            "[backends.job]\ntype = \"env\"\n[registries.\"{url}\"]\nsources = [ {{ backend = \"job\", var = \"TOKEN\" }} ]\n"
        ))
        .file(".cargo/config.toml", &cargo_config(url))
        .env("PATH", directory())
        .env("TOKEN", TOKEN)
        .tool(&["doctor"]);
    assert_well(&run);
    assert!(!run.stdout.contains("\n  the registry\n"), "{}", run.stdout);
}
