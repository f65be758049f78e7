import ColonyCore
import Configuration
import Foundation
import Yams

extension DaemonConfiguration {
    /// Reads the configuration: defaults, overruled by the file, by the environment, and by flags, in this order.
    ///
    /// - Parameters:
    ///   - file: A YAML file that must be there; `nil` reads `colony.yaml` in the working directory if it is there.
    ///   - environment: The variables of the process. Those that start with `COLONY_` must be known.
    ///   - overrides: Values from flags by the names of ``ConfigurationKey``.
    /// - Throws: ``DaemonError`` with code `invalidConfiguration`, which says where the value came from, quotes it, and
    ///   for an unknown key names the nearest known one.
    public static func load(
        file: String?, environment: [String: String], overrides: [String: String] = [:]
    ) throws(DaemonError) -> DaemonConfiguration {
        var configuration = try Self.read(file, environment, overrides)
        try configuration.joinCertificate()
        return configuration
    }

    /// The proxies of a file that is read again. The rest of it must be as it should be, but for what variables and flags may have completed.
    static func proxies(of file: String) throws(DaemonError) -> [ProxyDefinition] {
        try Self.read(file, [:], [:]).proxies
    }

    private static func read(
        _ file: String?, _ environment: [String: String], _ overrides: [String: String]
    ) throws(DaemonError) -> DaemonConfiguration {
        let contents = try ConfigurationFile.read(file)
        try Self.checkNames(of: environment)
        let variables = environment.filter { $0.key.hasPrefix(ConfigurationKey.variablePrefix) }
        let sources: [(name: String, reader: ConfigReader)] = [
            ("a flag", ConfigReader(provider: Self.provider("flags", overrides))),
            (
                "the environment",
                ConfigReader(
                    provider: EnvironmentVariablesProvider(environmentVariables: variables).prefixKeys(with: "colony"))
            ),
            (contents.path, ConfigReader(provider: Self.provider("file", contents.values))),
        ]
        var configuration = DaemonConfiguration()
        configuration.tokens = contents.tokens
        configuration.proxies = contents.proxies
        configuration.file = contents.isThere ? contents.path : nil
        for key in ConfigurationKey.all {
            let configKey = ConfigKey(key.name.split(separator: ".").map(String.init))
            for source in sources {
                guard let value = source.reader.string(forKey: configKey) else { continue }
                do throws(ConfigurationKey.Refusal) {
                    try key.apply(value, &configuration)
                } catch {
                    let place = source.name == "the environment" ? key.environmentVariable : key.name
                    let hint = error.nearest.map { "; did you mean \($0)?" } ?? ""
                    throw DaemonError(
                        .invalidConfiguration,
                        "\(place) from \(source.name) must be \(error.expectation)"
                            + (key.isSecret ? "" : ", not \(NameRules.quoted(value))\(hint)")
                    )
                }
                break
            }
        }
        return configuration
    }

    private static func provider(_ name: String, _ values: [String: String]) -> InMemoryProvider {
        var content: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in values {
            content[AbsoluteConfigKey(key.split(separator: ".").map(String.init))] = ConfigValue(
                .string(value), isSecret: false)
        }
        return InMemoryProvider(name: name, values: content)
    }

    private static func checkNames(of environment: [String: String]) throws(DaemonError) {
        let known = ConfigurationKey.all.map(\.environmentVariable)
        for variable in environment.keys.sorted() where variable.hasPrefix(ConfigurationKey.variablePrefix) {
            guard !known.contains(variable), !ConfigurationKey.foreignVariables.contains(variable) else { continue }
            let nearest = EditDistance.nearest(to: variable, among: known)
            throw DaemonError(
                .invalidConfiguration,
                "the environment variable \(variable) is not known" + (nearest.map { "; did you mean \($0)?" } ?? ""))
        }
    }

    private mutating func joinCertificate() throws(DaemonError) {
        switch (self.certificateFile, self.keyFile) {
        case (nil, nil): break
        case (let chain?, let key?): self.certificate = Certificate(chainFile: chain, keyFile: key)
        case (_?, nil): throw DaemonError(.invalidConfiguration, "tls.certificate is set, but tls.key is not")
        case (nil, _?): throw DaemonError(.invalidConfiguration, "tls.key is set, but tls.certificate is not")
        }
    }
}

/// What a YAML file says, taken apart into single values and tokens.
struct ConfigurationFile {
    var path: String
    var values: [String: String] = [:]
    var tokens: [AccessToken] = []
    var proxies: [ProxyDefinition] = []
    /// Whether there is a file at all.
    var isThere = false

    static let defaultPath = "colony.yaml"

    static func read(_ path: String?) throws(DaemonError) -> ConfigurationFile {
        if path == nil, !FileManager.default.fileExists(atPath: Self.defaultPath) {
            return ConfigurationFile(path: Self.defaultPath)
        }
        let path = path ?? Self.defaultPath
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw DaemonError(
                .invalidConfiguration,
                "the configuration file \(NameRules.quoted(path)) cannot be read as UTF-8 text: \(error.localizedDescription)",
                cause: error)
        }
        var file = try Self.parse(text, path: path)
        file.isThere = true
        return file
    }

    static func parse(_ text: String, path: String) throws(DaemonError) -> ConfigurationFile {
        var file = ConfigurationFile(path: path)
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw DaemonError(
                .invalidConfiguration,
                "the configuration file \(NameRules.quoted(path)) is not YAML: \(Self.sentence(of: error))")
        }
        guard let root, !Self.isNull(root) else { return file }
        guard case .mapping(let mapping) = root else {
            throw file.refused("the file is not a mapping of keys to values", at: root)
        }
        try file.take(mapping, path: "")
        return file
    }

    /// Where and what, without the text around it, in which there may be secrets.
    private static func sentence(of error: any Error) -> String {
        guard let error = error as? YamlError else { return "\(type(of: error))" }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let before = context.map { "\($0.text), " } ?? ""
            return "line \(mark.line), column \(mark.column): \(before)\(problem)"
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.map { NameRules.quoted("\($0)") }.joined(separator: ", ")
            return "line \(context.mark.line), column \(context.mark.column): the keys \(names) are there twice"
        case .reader(let problem, let offset, _, _):
            return problem + (offset.map { " at byte \($0)" } ?? "")
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded: return "\(error)"
        }
    }

    private mutating func take(_ mapping: Node.Mapping, path: String) throws(DaemonError) {
        for (keyNode, value) in mapping {
            let key = keyNode.string ?? ""
            let name = path.isEmpty ? key : "\(path).\(key)"
            if name == ConfigurationKey.tokens {
                try self.takeTokens(value)
            } else if name == ConfigurationKey.proxies {
                self.proxies = try ProxiesDocument.read(SectionValue(node: value, path: name, file: self.path))
            } else if let known = ConfigurationKey.all.first(where: { $0.name == name }) {
                if Self.isNull(value) { continue }
                if known.type == ConfigurationKey.list, case .sequence = value {
                    self.values[name] = try self.list(value, of: name, at: value).joined(separator: ",")
                    continue
                }
                guard case .scalar(let scalar) = value else {
                    throw self.refused("\(name) must be a single value", at: value)
                }
                self.values[name] = scalar.string
            } else if ConfigurationKey.all.contains(where: { $0.name.hasPrefix("\(name).") }) {
                if Self.isNull(value) { continue }
                guard case .mapping(let inner) = value else {
                    throw self.refused("\(name) must be a mapping of keys to values", at: value)
                }
                try self.take(inner, path: name)
            } else {
                throw self.unknown(
                    name,
                    among: ConfigurationKey.all.map(\.name) + [ConfigurationKey.tokens, ConfigurationKey.proxies],
                    at: keyNode)
            }
        }
    }

    private static let tokenKeys = ["name", "sha256", "scopes", "prefixes"]

    private mutating func takeTokens(_ node: Node) throws(DaemonError) {
        if Self.isNull(node) { return }
        guard case .sequence(let entries) = node else { throw self.refused("tokens must be a list", at: node) }
        for entry in entries {
            guard case .mapping(let mapping) = entry else {
                throw self.refused("each token must be a mapping with name, sha256, and scopes", at: entry)
            }
            for (key, _) in mapping where !Self.tokenKeys.contains(key.string ?? "") {
                throw self.unknown("tokens.\(key.string ?? "")", among: Self.tokenKeys.map { "tokens.\($0)" }, at: key)
            }
            guard let name = mapping["name"]?.string, !name.isEmpty else {
                throw self.refused("a token has no name", at: entry)
            }
            guard let digest = mapping["sha256"]?.string else {
                throw self.refused("token \(NameRules.quoted(name)) has no sha256", at: entry)
            }
            var scopes: Set<Scope> = []
            for text in try self.list(mapping["scopes"], of: "scopes", at: entry) {
                guard let scope = Scope(rawValue: text) else {
                    throw self.unknown(text, among: Scope.allCases.map(\.rawValue), at: mapping["scopes"] ?? entry)
                }
                scopes.insert(scope)
            }
            self.tokens.append(
                try AccessToken(
                    name: name, sha256: digest, scopes: scopes,
                    prefixes: try self.list(mapping["prefixes"], of: "prefixes", at: entry)))
        }
    }

    private func list(_ node: Node?, of name: String, at place: Node) throws(DaemonError) -> [String] {
        guard let node, !Self.isNull(node) else { return [] }
        if let text = node.string { return [text] }
        guard case .sequence(let entries) = node else { throw self.refused("\(name) must be a list", at: node) }
        var result: [String] = []
        for entry in entries {
            guard let text = entry.string else { throw self.refused("\(name) must be a list of texts", at: entry) }
            result.append(text)
        }
        return result
    }

    private static func isNull(_ node: Node) -> Bool {
        node.tag == Tag(.null) || node.null != nil
    }

    private func unknown(_ name: String, among known: [String], at node: Node) -> DaemonError {
        let nearest = EditDistance.nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
        return self.refused("\(NameRules.quoted(name)) is not known\(nearest)", at: node)
    }

    private func refused(_ reason: String, at node: Node) -> DaemonError {
        SectionValue(node: node, path: "", file: self.path).refused(reason)
    }
}
