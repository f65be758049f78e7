import Foundation
import Testing

/// A daemon that a test has started on a free port.
struct ServingDaemon: Sendable {
    let child: ChildProcess
    let url: String

    var port: String { String(self.url.split(separator: ":").last ?? "") }
}

extension Scene {
    /// Runs `body` while a daemon serves the store of this scene, or another, with these variables.
    func whileServing<Value>(
        port: String = "0", store: String? = nil, variables: [String: String] = [:],
        _ body: (ServingDaemon) async throws -> Value
    ) async throws -> Value {
        let server = self.with(variables.merging(["COLONY_DATA": self.path("data")]) { given, _ in given })
        let (value, _) = try await server.during(
            colony: "serve", "--http", "127.0.0.1:\(port)", "--store", store ?? "sqlite:\(self.path("colony.db"))",
            "--json"
        ) { child in
            var url: String?
            try await eventually("the daemon is ready; it said: \(child.errors)") {
                guard let line = child.output.split(separator: "\n").first, child.output.hasSuffix("\n") else {
                    try #require(child.isRunning, "the daemon ended: \(child.errors)")
                    return false
                }
                let answer = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                url = (answer?["console"] as? String).map { String($0.dropLast()) }
                return url != nil
            }
            let value = try await body(ServingDaemon(child: child, url: try #require(url)))
            child.send(SIGTERM)
            return value
        }
        return value
    }
}
