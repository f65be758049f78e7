import ColonyCore
import Testing

@Suite("Engine URLs")
struct EngineURLTests {
    @Test func `a file is a path, however it is written`() throws {
        for (text, path) in [
            ("sqlite:colony.db", "colony.db"), ("sqlite:/var/lib/colony.db", "/var/lib/colony.db"),
            ("sqlite:///var/lib/colony.db", "/var/lib/colony.db"), ("SQLite:a%20b.db", "a b.db"),
            ("sqlite:a@b.db", "a@b.db"),
            ("sqlite:", ""), ("memory:", ""),
        ] {
            let url = try EngineURL(text)
            #expect(url.path == path)
            #expect(url.hosts == [])
            #expect(url.scheme == "sqlite" || url.scheme == "memory")
        }
    }

    @Test func `a server has hosts, credentials, a path, and options`() throws {
        let url = try EngineURL("redis://us%3Aer:s%40cret@a:6379,b:6380,[::1]:6381/0?tls=true&name=a%26b&flag")
        #expect(url.scheme == "redis")
        #expect(url.user == "us:er")
        #expect(url.password == "s@cret")
        #expect(url.hosts == ["a:6379", "b:6380", "[::1]:6381"])
        #expect(url.path == "/0")
        #expect(url.options == ["tls": "true", "name": "a&b", "flag": ""])
        #expect(try EngineURL("http://127.0.0.1:7400").hosts == ["127.0.0.1:7400"])
        #expect(try EngineURL("redis://:secret@host").user == nil)
        #expect(try EngineURL("redis://:secret@host").password == "secret")
        #expect(try EngineURL("redis://user@host").password == nil)
        #expect(try EngineURL("etcd+tls://host").scheme == "etcd+tls")
    }

    @Test(arguments: [
        "redis://user:SECRET@host:6379/0", "redis://:SECRET@host", "redis://user:SECRET@",
        "redis://u:a%3ASECRET@h/p?x=SECRET",
        "http://user:SECRET@127.0.0.1:7400/path@with/at", "redis://user:SECRET@h@host",
        "redis://u:SECRET@h/?password=SECRET",
    ])
    func `a password is never shown`(text: String) {
        do {
            let url = try EngineURL(text)
            #expect(!"\(url)".contains("SECRET"))
            #expect("\(url)".contains("***"))
        } catch {
            #expect(!"\(error)".contains("SECRET"))
        }
    }

    @Test(arguments: [
        // Not URLs at all.
        "user:SECRET@host", "SECRET@host", "redis:user:SECRET@host:6379", "1redis://user:SECRET@host",
        "re dis://u:SECRET@host",
        "://u:SECRET@host",
        // Characters in the password that have to be encoded and are not.
        "redis://user:SEC/SECRET@host", "redis://user:12/SECRET@host", "redis://user:12?SECRET@host/0",
        "redis://user:SEC?SECRET@host", "redis://user:SECRET%@host", "redis://user:SECRET%zz@host",
        "redis://SECRET%zz:x@host",
        // Something else is wrong.
        "redis://user:SECRET@host:port", "redis://user:SECRET@host/%zz", "redis://user:x@host/?password=SECRET&a=%zz",
        "redis://host/?password=SECRET&a=%f", "redis://user:SECRET@host:70000", "redis://user:SECRET@[::1",
        "redis://user:SECRET@[::1]x", "redis://user:SECRET@host/%FF", "user:SECRET@bar//x",
    ])
    func `a URL that is refused does not show its password in the error either`(text: String) {
        let error = #expect(throws: InvalidName.self) { try EngineURL(text) }
        #expect(error?.description.contains("SECRET") == false, "\(String(describing: error))")
        #expect(error?.description.isEmpty == false)
    }

    @Test(arguments: [
        ("colony.db", "has no scheme"), ("", "has no scheme"), (":x", "does not start with a scheme"),
        ("1x:y", "does not start with a scheme"), ("sq lite:y", "does not start with a scheme"),
        ("sqlite:%zz", "the path is not well percent-encoded"),
        ("sqlite:a?b=%", "an option is not well percent-encoded"),
        ("http://host:port", "a port is not a number"), ("http://host:65536", "a port is not a number"),
        ("http://[::1", "has no ]"), ("http://[::1]7400", "other than a port"),
    ])
    func `the error says what is wrong and quotes the text`(text: String, reason: String) {
        let error = #expect(throws: InvalidName.self) { try EngineURL(text) }
        #expect(error?.role == "store URL")
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func `what is shown leaves out the values of options`() throws {
        #expect(
            try EngineURL("redis://user:secret@a:1,b:2/0?tls=true&auth=x").description
                == "redis://user:***@a:1,b:2/0?auth&tls")
        #expect(try EngineURL("sqlite:///a/b.db").description == "sqlite:/a/b.db")
        #expect(try EngineURL("memory:").description == "memory:")
    }
}
