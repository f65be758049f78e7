import ColonyBalancing
import ColonyCore

/// An entry of `endpoints`: an address, or a mapping with what else is known.
struct EndpointDocument: Sendable {
    var address: String?
    var name: String?
    var weight = 1
    var zone: String?
    var priority = 0
    var metadata: [String: String] = [:]

    private static let keys: [SectionKey<EndpointDocument>] = [
        .text("address", \.address), .text("name", \.name), .integer("weight", \.weight), .text("zone", \.zone),
        .integer("priority", \.priority),
        SectionKey("metadata") { value, endpoint throws(DaemonError) in
            for member in try value.members() { endpoint.metadata[member.key] = try member.value.text() }
        },
    ]

    /// All endpoints; an empty list is one that somebody will fill, and calls fail until then.
    static func readAll(_ value: SectionValue) throws(DaemonError) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        var names: Set<EndpointName> = []
        for entry in try value.entries() {
            let endpoint = try Self.read(entry)
            guard names.insert(endpoint.name).inserted else {
                throw entry.refused("\(entry.path): two endpoints have the name \"\(endpoint.name)\"")
            }
            endpoints.append(endpoint)
        }
        return endpoints
    }

    private static func read(_ value: SectionValue) throws(DaemonError) -> Endpoint {
        guard value.isMapping else {
            do throws(BalancingError) {
                return try Endpoint(try value.plainText())
            } catch {
                throw value.refused(error)
            }
        }
        return try value.make(Self.keys, from: EndpointDocument()) { document in
            guard let address = document.address else {
                throw BalancingError(.invalidAddress, "the endpoint has no address")
            }
            return try Endpoint(
                address, name: try document.name.map { try EndpointName($0) }, weight: document.weight,
                zone: document.zone, priority: document.priority, metadata: document.metadata)
        }
    }
}

extension SectionValue {
    /// The text of a single value; whatever it is, for what says better what it should be.
    fileprivate func plainText() throws(BalancingError) -> String {
        guard let scalar = self.scalar else {
            throw BalancingError(.invalidAddress, "an endpoint is an address or a mapping with an address")
        }
        return scalar
    }
}
