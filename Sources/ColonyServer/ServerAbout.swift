import ColonyCore
import NIOCore

/// What the server tells about itself.
struct ServerAbout: Sendable {
    /// The version of Colony.
    static let version = "0.1.0"

    var store: String
    var guarantee: Guarantee
    var longestLease: Duration
    var dataDirectory: String?
    var started: MonotonicInstant
    var needsTokens: Bool

    /// - Parameter token: What the request showed, so that a program can see what it may do before it is refused.
    func answer(now: MonotonicInstant, token: AccessToken?) -> Answer {
        Answer(capacity: 256) { body in
            body.writeJSON(#"{"version":"#)
            body.writeJSON(string: Self.version)
            body.writeJSON(#","uptime_ms":"#)
            body.writeJSON(self.started.duration(to: now).clampedMilliseconds)
            body.writeJSON(#","store":"#)
            body.writeJSON(string: self.store)
            body.writeJSON(#","guarantee":{"reach":"#)
            body.writeJSON(string: "\(self.guarantee.reach)")
            body.writeJSON(#","survival":"#)
            body.writeJSON(string: "\(self.guarantee.survival)")
            body.writeJSON(#"},"longest_lease_ms":"#)
            body.writeJSON(self.longestLease.clampedMilliseconds)
            body.writeJSON(#","data":"#)
            if let dataDirectory { body.writeJSON(string: dataDirectory) } else { body.writeJSON("null") }
            if let token { Self.write(token, to: &body) }
            body.writeJSON("}")
        }
    }

    private static func write(_ token: AccessToken, to body: inout ByteBuffer) {
        body.writeJSON(#","token":{"name":"#)
        body.writeJSON(string: token.name)
        body.writeJSON(#","scopes":["#)
        for (index, scope) in token.scopes.sorted().enumerated() {
            if index > 0 { body.writeJSON(",") }
            body.writeJSON(string: scope.rawValue)
        }
        body.writeJSON("]}")
    }
}
