import ColonyBalancing

/// What a worker knows of the endpoints of one upstream that it has used, by their numbers in the balancer.
///
/// Used on the event loop of its worker only.
final class EndpointTable {
    /// Endpoints that came and went would fill the table; beyond this number those without connections are forgotten.
    private static let softLimit = 4_096

    private let upstream: String
    private let rules: PoolRules
    private var records: [UInt64: EndpointRecord] = [:]
    /// The last one that was asked for: with one endpoint, or with pipelined requests, the search is saved.
    private var latest: EndpointRecord?

    init(upstream: String, rules: PoolRules) {
        self.upstream = upstream
        self.rules = rules
    }

    /// Whether no connection is open and nobody waits for one.
    var isUnused: Bool { self.records.values.allSatisfy(\.isUnused) }

    func record(for number: UInt64, _ endpoint: @autoclosure () -> Endpoint) -> EndpointRecord {
        if let latest, latest.number == number { return latest }
        if let record = self.records[number] {
            self.latest = record
            return record
        }
        if self.records.count >= Self.softLimit {
            self.records = self.records.filter { !$0.value.isUnused }
        }
        let record = EndpointRecord(
            number: number, endpoint: endpoint(), upstream: self.upstream, rules: self.rules)
        self.records[number] = record
        self.latest = record
        return record
    }

    /// Goes by the limits that the pool has now.
    func adapt() {
        for record in Array(self.records.values) { record.adapt() }
    }

    /// Closes the connections that have no work.
    func closeIdle() {
        for record in self.records.values { record.closeIdle() }
    }

    func snapshot() -> [ProxyStatistics.EndpointTraffic] {
        self.records.values.map { $0.snapshot() }
    }
}
