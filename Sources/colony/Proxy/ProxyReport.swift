import ColonyBalancing
import ColonyCore
import ColonyProxy

/// Says on standard error when an endpoint goes or comes back, and why.
struct ProxyReport {
    private struct Document: Encodable {
        let event: String
        let endpoint: String
        let reason: String
    }

    let isJSON: Bool

    /// Runs until it is cancelled.
    func run(on balancer: LoadBalancer) async {
        for await event in balancer.events(buffering: 1_024) {
            let reason = event.reason.isEmpty ? "" : ": \(event.reason)"
            if self.isJSON {
                let document = Document(
                    event: Self.code(event.kind), endpoint: "\(event.endpoint)", reason: event.reason)
                if let line = try? JSONText.of(document) { StandardError.write(line) }
            } else {
                StandardError.write("colony: \(event.endpoint) \(Self.sentence(event.kind))\(reason)")
            }
        }
    }

    private static func code(_ kind: BalancerEvent.Kind) -> String {
        switch kind {
        case .added: "added"
        case .removed: "removed"
        case .recovered: "recovered"
        case .failed: "failed"
        case .ejected: "ejected"
        case .restored: "restored"
        case .administered(let state): "\(state)"
        }
    }

    private static func sentence(_ kind: BalancerEvent.Kind) -> String {
        switch kind {
        case .added: "takes part"
        case .removed: "takes no part any more"
        case .recovered(let check): "is well again by the check \(check)"
        case .failed(let check): "is out by the check \(check)"
        case .ejected: "gets no calls for a while"
        case .restored: "gets calls again"
        case .administered(let state): "was set to \(state)"
        }
    }
}
