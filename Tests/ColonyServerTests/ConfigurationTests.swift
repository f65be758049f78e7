import ColonyCore
import ColonyIdentifiers
import ColonyServer
import Foundation
import Testing

@Suite("The configuration")
struct ConfigurationTests {
    private func load(
        _ yaml: String?, environment: [String: String] = [:], overrides: [String: String] = [:]
    ) throws -> DaemonConfiguration {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("colony.yaml")
        try (yaml ?? "").write(to: file, atomically: true, encoding: .utf8)
        return try DaemonConfiguration.load(file: file.path, environment: environment, overrides: overrides)
    }

    private func refusal(
        _ yaml: String?, environment: [String: String] = [:], overrides: [String: String] = [:]
    ) -> String {
        do {
            _ = try self.load(yaml, environment: environment, overrides: overrides)
            return "accepted"
        } catch {
            return "\(error)"
        }
    }

    @Test("Flags overrule the environment, which overrules the file, which overrules the defaults")
    func precedence() throws {
        let yaml = "http:\n  port: 1\n  host: localhost\nlimits:\n  body_bytes: 4096\nlog:\n  level: debug\n"
        let environment = ["COLONY_HTTP_PORT": "2", "COLONY_LIMITS_BODY_BYTES": "8192", "PATH": "/bin"]
        let configuration = try self.load(yaml, environment: environment, overrides: ["http.port": "3"])
        #expect(configuration.port == 3)
        #expect(configuration.limits.bodyBytes == 8_192)
        #expect(configuration.host == "localhost")
        #expect(configuration.log.level == .debug)
        #expect(configuration.limits.batch == 1_000)
    }

    @Test("Which identifiers are issued can be set, and what cannot work is refused before anything starts")
    func identifiers() throws {
        let configuration = try self.load(
            "ids:\n  namespace: shop\n  layout: javascript-safe\n  worker: 63\n",
            environment: ["COLONY_IDS_DATACENTER": "0"])
        #expect(configuration.identifiers.namespace == "shop")
        #expect(configuration.identifiers.layout == .javaScriptSafe)
        #expect(configuration.identifiers.worker == 63)
        #expect(throws: Never.self) { try configuration.validate() }
        #expect(self.refusal("ids:\n  layout: clasic\n").contains("did you mean classic?"))
        #expect(self.refusal("ids:\n  layout: clasic\n").contains("sonyflake"))
        #expect(self.refusal("ids:\n  wroker: 1\n").contains("did you mean ids.worker?"))
        #expect(self.refusal("ids:\n  worker: -1\n").contains("-1"))
        #expect(self.refusal("ids:\n  worker: many\n").contains("many"))
        for (overrides, reason) in [
            (["ids.worker": "32"], "from 0 to 31 in the layout classic, not 32"),
            (["ids.datacenter": "32"], "from 0 to 31 in the layout classic, not 32"),
            (["ids.layout": "sonyflake", "ids.datacenter": "1"], "from 0 to 0 in the layout sonyflake, not 1"),
            (["ids.namespace": String(repeating: "n", count: 201)], "201 bytes"),
            (["ids.namespace": "a\u{7}b"], "control"),
        ] {
            let error = #expect(throws: DaemonError.self) { try self.load(nil, overrides: overrides).validate() }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        }
    }

    @Test("Every key can be set in the file and by its variable, and its default is the one that is documented")
    func everyKey() throws {
        for key in ConfigurationKey.all {
            guard let value = key.defaultValue else { continue }
            let parts = key.name.split(separator: ".")
            let yaml = parts.count == 2 ? "\(parts[0]):\n  \(parts[1]): \(value)\n" : "\(key.name): \(value)\n"
            let fromFile = try self.load(yaml)
            let fromEnvironment = try self.load(nil, environment: [key.environmentVariable: value])
            for configuration in [fromFile, fromEnvironment] {
                #expect(configuration.limits == DaemonConfiguration().limits, "\(key.name)")
                #expect(configuration.log == DaemonConfiguration().log, "\(key.name)")
                #expect(configuration.host == "127.0.0.1" && configuration.port == 7_400, "\(key.name)")
            }
            #expect(self.refusal(nil, environment: [key.environmentVariable: ""]) != "accepted", "\(key.name) is read")
        }
        #expect(ConfigurationKey.markdown.contains("`limits.drain`"))
        #expect(ConfigurationKey.helpText.contains("COLONY_HTTP_PORT"))
    }

    @Test("An unknown key in the file or among the variables is an error that names the nearest known one")
    func unknownKeys() {
        #expect(self.refusal("http:\n  prot: 1\n").contains(#""http.prot" is not known; did you mean http.port?"#))
        #expect(self.refusal("http:\n  prot: 1\n").contains("line 2"))
        #expect(self.refusal("limts:\n  batch: 1\n").contains("limts"))
        #expect(self.refusal("zzz: 1\n").contains(#""zzz" is not known"#))
        #expect(
            self.refusal(nil, environment: ["COLONY_HTTP_PROT": "1"])
                == "the environment variable COLONY_HTTP_PROT is not known; did you mean COLONY_HTTP_PORT?")
        let foreign = [
            "COLONY_FENCING_TOKEN": "7", "COLONY_SERVER": "http://a", "COLONY_STRICT": "1", "COLONY_BINARY": "x",
        ]
        #expect(self.refusal(nil, environment: foreign) == "accepted")
        #expect(
            self.refusal("tokens:\n  - name: a\n    sha265: b\n    scopes: [admin]\n").contains(
                "did you mean tokens.sha256?"))
        #expect(self.refusal("tokens:\n  - name: a\n    sha256: b\n    scopes: [lock:read]\n").contains("locks:read"))
    }

    @Test("A wrong value is quoted with what it should be and where it came from")
    func wrongValues() {
        #expect(self.refusal("http:\n  port: high\n").contains(#"from 0 to 65535, not "high""#))
        #expect(self.refusal("http:\n  port: 70000\n").contains("70000"))
        #expect(self.refusal(nil, environment: ["COLONY_LIMITS_WAIT": "60"]).contains("COLONY_LIMITS_WAIT"))
        #expect(self.refusal(nil, overrides: ["log.format": "xml"]).contains("a flag must be one of text, json"))
        #expect(self.refusal("http: 7\n").contains("http must be a mapping"))
        #expect(self.refusal("http:\n  port: [1]\n").contains("http.port must be a single value"))
        #expect(self.refusal("- a\n").contains("not a mapping"))
        #expect(self.refusal("a: [\n").contains("not YAML"))
        #expect(self.refusal("tls:\n  key: k.pem\n").contains("tls.certificate is not"))
        #expect(self.refusal("tokens:\n  - name: a\n    sha256: abc\n    scopes: [admin]\n").contains("64 hexadecimal"))
        #expect(self.refusal("tokens:\n  - sha256: abc\n").contains("no name"))
    }

    @Test("A file that was asked for must be there")
    func missingFile() {
        let error = #expect(throws: DaemonError.self) {
            try DaemonConfiguration.load(file: "/nowhere/colony.yaml", environment: [:])
        }
        #expect(error?.message.contains("/nowhere/colony.yaml") == true)
    }

    @Test("Tokens are read with their scopes and prefixes")
    func tokens() throws {
        let digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
        let configuration = try self.load(
            "tokens:\n  - name: ci\n    sha256: \(digest)\n    scopes: [locks:read, locks:write]\n    prefixes: [ci/]\n"
        )
        let token = try #require(configuration.tokens.first)
        #expect(token == AccessToken(name: "ci", token: "secret", scopes: [.read, .write], prefixes: ["ci/"]))
    }
}
