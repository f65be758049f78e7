import ColonyBalancing
import ColonyCore
import ColonyProxy

/// `health`: one check, or a list of them.
struct HealthDocument: Sendable {
    enum Kind: String, CaseIterable, Sendable { case http, tcp, tls, command }

    var name: String?
    var kind = Kind.http
    var path: String?
    var method: String?
    var host: String?
    var expectedStatuses: [ClosedRange<Int>]?
    var expectedBody: String?
    var tls: SectionValue?
    var command: [String]?
    var interval = Duration.seconds(5)
    var unhealthyInterval: Duration?
    var timeout = Duration.seconds(2)
    var jitter = 0.1
    var rise = 2
    var fall = 3
    var initially = HealthCheck.Assumption.healthy
    var firstResultDecides = true
    var port: Int?

    private static let keys: [SectionKey<HealthDocument>] = [
        .text("name", \.name), .choice("kind", \.kind, Kind.allCases.map { ($0.rawValue, $0) }), .text("path", \.path),
        .text("method", \.method), .text("host", \.host),
        SectionKey("expected_statuses") { value, check throws(DaemonError) in
            var ranges: [ClosedRange<Int>] = []
            for entry in try value.entries() { ranges.append(try Self.range(entry)) }
            check.expectedStatuses = ranges
        },
        .text("expected_body", \.expectedBody),
        SectionKey("tls") { value, check in check.tls = value },
        SectionKey("command") { value, check throws(DaemonError) in check.command = try value.texts() },
        .duration("interval", \.interval), .duration("unhealthy_interval", \.unhealthyInterval),
        .duration("timeout", \.timeout), .number("jitter", \.jitter), .integer("rise", \.rise),
        .integer("fall", \.fall),
        .choice("initially", \.initially, HealthCheck.Assumption.allCases.map { ($0.rawValue, $0) }),
        .flag("first_result_decides", \.firstResultDecides), .integer("port", \.port),
    ]

    static func readAll(_ value: SectionValue, dns: DNSEndpointsOptions?) throws(DaemonError) -> [HealthCheck] {
        guard value.isList else { return [try Self.read(value, dns)] }
        var checks: [HealthCheck] = []
        for entry in try value.entries() {
            let check = try Self.read(entry, dns)
            guard !checks.contains(where: { $0.name == check.name }) else {
                throw entry.refused("\(entry.path): two checks are called \(NameRules.quoted(check.name))")
            }
            checks.append(check)
        }
        return checks
    }

    private static func read(_ value: SectionValue, _ dns: DNSEndpointsOptions?) throws(DaemonError) -> HealthCheck {
        let document = try value.read(Self.keys, into: HealthDocument())
        let tls = try document.tls.flatMap { value throws(DaemonError) in try CheckTLSDocument.read(value, dns: dns) }
        return try value.make(Self.keys, from: HealthDocument()) { try $0.check(tls, dns) }
    }

    private func check(_ tls: HealthCheck.TLS?, _ dns: DNSEndpointsOptions?) throws -> HealthCheck {
        let kind = try self.what(tls, dns)
        return try HealthCheck(
            self.name ?? kind.label, kind, interval: self.interval, unhealthyInterval: self.unhealthyInterval,
            timeout: self.timeout, jitter: self.jitter, rise: self.rise, fall: self.fall, initially: self.initially,
            firstResultDecides: self.firstResultDecides, port: self.port)
    }

    private func what(_ tls: HealthCheck.TLS?, _ dns: DNSEndpointsOptions?) throws -> HealthCheck.Kind {
        func refuse(_ key: String) -> BalancingError {
            BalancingError(.invalidConfiguration, "\(key) means nothing for a check of the kind \(self.kind.rawValue)")
        }
        if self.kind != .http {
            if self.path != nil { throw refuse("path") }
            if self.method != nil { throw refuse("method") }
            if self.host != nil { throw refuse("host") }
            if self.expectedStatuses != nil { throw refuse("expected_statuses") }
            if self.expectedBody != nil { throw refuse("expected_body") }
        }
        if self.kind == .tcp || self.kind == .command, self.tls != nil { throw refuse("tls") }
        if self.kind != .command, self.command != nil { throw refuse("command") }
        switch self.kind {
        case .tcp: return .tcp
        case .tls: return .tls(try tls ?? HealthCheck.TLS(serverName: dns?.host))
        case .http:
            return .http(
                try HealthCheck.HTTP(
                    path: self.path ?? "/", method: self.method ?? "GET", host: self.host ?? dns?.name,
                    expectedStatuses: self.expectedStatuses ?? [200...299], expectedBody: self.expectedBody, tls: tls))
        case .command:
            guard let command, let path = command.first else {
                throw BalancingError(.invalidConfiguration, "a check of the kind command has no command")
            }
            return .command(try HealthCheck.Command(path, arguments: Array(command.dropFirst())))
        }
    }

    /// `204`, or `200-299`.
    private static func range(_ value: SectionValue) throws(DaemonError) -> ClosedRange<Int> {
        let parts = try value.text().split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(parts.count), let first = parts[0], let last = parts[parts.count - 1], first <= last
        else { throw value.expected("a status such as 204, or a range such as 200-299") }
        return first...last
    }
}
