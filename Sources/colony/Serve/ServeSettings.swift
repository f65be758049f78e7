import ColonyCore
import ColonyServer

/// The daemon's settings from all their sources.
enum ServeSettings {
    /// What options say of the cluster.
    struct ClusterFlags {
        var name: String?
        var node: String?
        var join: [String]
        var voters: [String]

        fileprivate func write(to flags: inout [String: String]) {
            if let name { flags["cluster.name"] = name }
            if let node { flags["cluster.node"] = node }
            if !self.join.isEmpty { flags["cluster.join"] = self.join.joined(separator: ",") }
            if !self.voters.isEmpty { flags["cluster.voters"] = self.voters.joined(separator: ",") }
        }
    }

    static func load(
        file: String?, data: String?, http: String?, store: String?, insecure: Bool, cluster: ClusterFlags,
        others: [String]
    ) throws -> DaemonConfiguration {
        var flags = try Self.assignments(others)
        if let data { flags["data"] = data }
        if let store { flags["store"] = store }
        cluster.write(to: &flags)
        if insecure { flags["insecure"] = "true" }
        if let http {
            let address = try Self.address(http)
            flags["http.host"] = address.host
            flags["http.port"] = address.port
        }
        var configuration = try DaemonConfiguration.load(
            file: file, environment: Environment.all, overrides: flags)
        if configuration.dataDirectory == nil {
            configuration.dataDirectory = try DataDirectory.ofThisUser().path
        }
        return configuration
    }

    private static func assignments(_ texts: [String]) throws -> [String: String] {
        let known = ConfigurationKey.all.map(\.name)
        var result: [String: String] = [:]
        for text in texts {
            guard let equals = text.firstIndex(of: "=") else {
                throw Failure(
                    "invalid_request", "--set \(NameRules.quoted(text)) has no =; --set limits.wait=30s is an example.",
                    exitCode: .usage)
            }
            let key = String(text[..<equals])
            guard known.contains(key) else {
                let hint = Spelling.nearest(to: key, among: known).map { " Did you mean \($0)?" } ?? ""
                throw Failure(
                    "invalid_request", "--set: there is no setting \(NameRules.quoted(key)).\(hint)", exitCode: .usage)
            }
            result[key] = String(text[text.index(after: equals)...])
        }
        return result
    }

    /// Takes `HOST:PORT` apart; an IPv6 address stands in brackets.
    private static func address(_ text: String) throws -> (host: String, port: String) {
        guard let colon = text.lastIndex(of: ":"), colon > text.startIndex,
            Int(text[text.index(after: colon)...]) != nil
        else {
            throw Failure(
                "invalid_request", "--http \(NameRules.quoted(text)) is not HOST:PORT; 127.0.0.1:7400 is an example.",
                exitCode: .usage)
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return (host, String(text[text.index(after: colon)...]))
    }
}
