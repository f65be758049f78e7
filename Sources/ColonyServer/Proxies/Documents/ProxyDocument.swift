import ColonyBalancing
import ColonyCore
import ColonyProxy

/// A proxy as the configuration file describes it, while it is being read.
struct ProxyDocument: Sendable {
    var settings = ProxySettingsDocument()
    var upstreams: [UpstreamDefinition] = []
    /// The entries of the routes, in their order.
    var routePlaces: [SectionValue] = []

    private static let keys: [SectionKey<ProxyDocument>] = [
        .choice("mode", \.settings.mode, [("http", .http), ("tcp", .tcp)]),
        SectionKey("listen") { value, proxy throws(DaemonError) in
            for entry in try value.entries() { proxy.settings.listen.append(try Self.address(entry)) }
        },
        .integer("workers", \.settings.workers), .integer("backlog", \.settings.backlog),
        .flag("shares_port", \.settings.sharesPort), .duration("drain", \.settings.drain),
        .other("tls", \.settings.tls) { value throws(DaemonError) in try ProxyTLSDocument.read(value) },
        .other("timeouts", \.settings.timeouts) { value throws(DaemonError) in try ProxyTimeoutsDocument.read(value) },
        .other("limits", \.settings.limits) { value throws(DaemonError) in try ProxyLimitsDocument.read(value) },
        .other("retries", \.settings.retries) { value throws(DaemonError) in try ProxyRetriesDocument.read(value) },
        .other("forwarding", \.settings.forwarding) { value throws(DaemonError) in
            try ForwardingDocument.read(value)
        },
        .other("proxy_protocol", \.settings.proxyProtocol) { value throws(DaemonError) in
            try ProxyProtocolDocument.read(value)
        },
        .other("access_log", \.settings.accessLog) { value throws(DaemonError) in try AccessLogDocument.read(value) },
        SectionKey("upstreams") { value, proxy throws(DaemonError) in
            for member in try value.members() {
                proxy.upstreams.append(try UpstreamDocument.read(member.key, member.value))
            }
        },
        SectionKey("routes") { value, proxy throws(DaemonError) in
            guard value.isList else { throw value.expected("a list of routes") }
            for (index, entry) in try value.entries().enumerated() {
                let route = try RouteDocument.read(entry, defaultName: "route-\(index + 1)")
                guard !proxy.settings.routes.contains(where: { $0.name == route.name }) else {
                    throw entry.refused("\(entry.path): two routes are called \(NameRules.quoted(route.name))")
                }
                proxy.settings.routes.append(route)
                proxy.routePlaces.append(entry)
            }
        },
    ]

    private static func isPossible(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// Names that are other things in paths of the API.
    private static let reserved: Set<String> = ["reload"]

    static func read(_ name: String, _ value: SectionValue) throws(DaemonError) -> ProxyDefinition {
        guard !self.reserved.contains(name), Self.isPossible(name) else {
            throw value.refused(
                "\(value.path): a proxy cannot be called \(NameRules.quoted(name)), but by one to 64 letters, digits, "
                    + "hyphens, dots, and underscores, and not reload")
        }
        let document = try value.read(Self.keys, into: ProxyDocument())
        guard !document.settings.listen.isEmpty else {
            throw value.refused("\(value.path) listens nowhere: listen names an address such as 127.0.0.1:8080")
        }
        try document.checkUpstreams()
        let definition = ProxyDefinition(
            name: name, settings: document.settings, upstreams: document.upstreams)
        do {
            try definition.check()
        } catch {
            throw value.refused(error)
        }
        return definition
    }

    /// Routes to upstreams that are not there are pointed at.
    private func checkUpstreams() throws(DaemonError) {
        let names = self.upstreams.map(\.name)
        for (route, place) in zip(self.settings.routes, self.routePlaces) {
            guard case .forward(let forward) = route.action, !names.contains(forward.upstream) else { continue }
            let hint = EditDistance.nearest(to: forward.upstream, among: names).map { "; did you mean \($0)?" } ?? ""
            throw place.refused(
                "\(place.path) forwards to \(NameRules.quoted(forward.upstream)), which is no upstream\(hint)")
        }
    }

    private static func address(_ value: SectionValue) throws(DaemonError) -> ListenAddress {
        do throws(ProxyError) {
            return try ListenAddress(try value.shown())
        } catch {
            throw value.refused(error)
        }
    }
}

extension SectionValue {
    /// A single value as text; nothing for a mapping or a list, which is refused with a better sentence.
    fileprivate func shown() throws(ProxyError) -> String {
        guard let scalar = self.scalar else {
            throw ProxyError(.invalidConfiguration, "an address to listen on is text such as 127.0.0.1:8080")
        }
        return scalar
    }
}
