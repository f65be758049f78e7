import ColonyBalancing
import ColonyCore
import ColonyProxy

/// `timeouts` of a proxy.
enum ProxyTimeoutsDocument {
    private static let keys: [SectionKey<ProxyTimeouts>] = [
        .duration("connect", \.connect), .duration("request_head", \.requestHead),
        .duration("client_idle", \.clientIdle), .duration("keep_alive", \.keepAlive), .duration("answer", \.answer),
        .duration("endpoint_idle", \.endpointIdle), .duration("relay_idle", \.relayIdle),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> ProxyTimeouts {
        try value.read(Self.keys, into: ProxyTimeouts()) { timeouts in
            _ = try ProxyOptions(mode: .http, listen: [ListenAddress("localhost:0")], timeouts: timeouts)
        }
    }
}

/// `limits` of a proxy.
enum ProxyLimitsDocument {
    private static let keys: [SectionKey<ProxyLimits>] = [
        .integer("connections", \.connections), .integer("request_line_bytes", \.requestLineBytes),
        .integer("head_bytes", \.headBytes), .integer("head_fields", \.headFields), .integer("streams", \.streams),
        SectionKey("body_bytes") { value, limits throws(DaemonError) in limits.bodyBytes = Int64(try value.integer()) },
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> ProxyLimits {
        try value.read(Self.keys, into: ProxyLimits()) { limits in
            _ = try ProxyOptions(mode: .http, listen: [ListenAddress("localhost:0")], limits: limits)
        }
    }
}

/// `retries` of a proxy, or of a route. `off` is none at all.
enum ProxyRetriesDocument {
    private static let keys: [SectionKey<ProxyRetries>] = [
        .integer("attempts", \.attempts), .number("budget_ratio", \.budgetRatio),
        .number("budget_minimum_per_second", \.budgetMinimumPerSecond),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> ProxyRetries {
        if value.isOff { return .none }
        return try value.read(Self.keys, into: ProxyRetries()) { retries in
            _ = try ProxyOptions(mode: .http, listen: [ListenAddress("localhost:0")], retries: retries)
        }
    }
}

/// `forwarding`: what endpoints are told of clients.
enum ForwardingDocument {
    private static let keys: [SectionKey<ForwardingOptions>] = [
        .other("trusted", \.trusted) { value throws(DaemonError) in try TrustedSourcesDocument.read(value) },
        .integer("trusted_hops", \.trustedHops), .flag("x_forwarded", \.sendsXForwarded),
        .flag("forwarded", \.sendsForwarded), .text("via", \.via),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> ForwardingOptions {
        try value.read(Self.keys, into: ForwardingOptions()) { forwarding in
            _ = try ProxyOptions(mode: .http, listen: [ListenAddress("localhost:0")], forwarding: forwarding)
        }
    }
}

/// `proxy_protocol`: whether the PROXY protocol is spoken.
enum ProxyProtocolDocument {
    private static let keys: [SectionKey<ProxyProtocolOptions>] = [
        .other("accepts", \.accepts) { value throws(DaemonError) in try TrustedSourcesDocument.read(value) },
        .other("sends", \.sends) { value throws(DaemonError) in
            try value.choice([("v1", ProxyProtocolOptions.Version.one), ("v2", .two)])
        },
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> ProxyProtocolOptions {
        try value.read(Self.keys, into: ProxyProtocolOptions())
    }
}

/// Addresses and ranges, or `everybody`.
enum TrustedSourcesDocument {
    static func read(_ value: SectionValue) throws(DaemonError) -> TrustedSources {
        if value.scalar == "everybody" { return .everybody }
        var texts: [String] = []
        for entry in try value.entries() {
            let text = try entry.text()
            do throws(ProxyError) {
                _ = try TrustedSources([text])
            } catch {
                throw entry.refused(error)
            }
            texts.append(text)
        }
        do throws(ProxyError) {
            return try TrustedSources(texts)
        } catch {
            throw value.refused(error)
        }
    }
}
