import ArgumentParser
import ColonyConformance
import ColonyCore

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Measure what a store of locks, permits, records, limits, segments, queues, and transactions really guarantees.",
        discussion: """
            Example: colony verify sqlite:/var/lib/app/colony.db

            Puts the store to every promise of the interfaces that it has and prints what held, a table for each. The locks, permits, \
            groups, limits, tags, queues, exchanges, topics, schedules, and transactions it uses have names of their own; what was held is \
            given back, queues are removed, and transactions are ended, but tags stay, and queues whose messages are under way. Exits with 1 if a promise was broken.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "The store or daemon, such as sqlite:FILE, http://HOST:PORT, or redis://HOST:PORT.", valueName: "url"))
    var url: String

    @Option(
        help: ArgumentHelp(
            "Only leases, segments, queues, exchanges, topics, schedules, permits, registry, \"rate limits\", or transactions; may be given several times. (default: all that the store has)",
            valueName: "port"),
        transform: { try Self.port($0) })
    var only: [ConformanceReport.Port] = []

    @OptionGroup var output: OutputOptions

    private static func port(_ text: String) throws -> ConformanceReport.Port {
        guard let port = ConformanceReport.Port(rawValue: text) else {
            let ports = ConformanceReport.Port.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\(NameRules.quoted(text)) is none of \(ports).")
        }
        return port
    }

    mutating func run() async throws {
        let place = try StorePlace(store: self.url, origin: "the URL")
        let engines = VerifiedEngines(place)
        // A place that cannot be reached at all has broken no promise.
        let leases = try await engines.makeLeases()
        _ = try await leases.inspect("colony")
        let progress = ProgressLine()
        let show: (ConformanceProgress) -> Void = { event in
            if case .began(let name, let number, let count) = event { progress.show("\(number)/\(count) \(name)") }
        }
        let queues = LiveQueueHarness { try await engines.makeQueues() }
        var reports: [ConformanceReport] = []
        for port in ConformanceReport.Port.allCases where self.only.isEmpty || self.only.contains(port) {
            switch port {
            case .leases:
                let report = await LeaseConformance.run(
                    on: LiveLeaseHarness(longestLease: leases.longestLease) { try await engines.makeLeases() },
                    title: "\(place)"
                ) { event in
                    if case .began(let check, let number, let count) = event {
                        show(.began(name: check.name, number: number, count: count))
                    }
                }
                reports.append(report)
            case .permits:
                await self.verify(PermitConformance.self, of: engines, having: leases, show, into: &reports)
            case .registry:
                await self.verify(RegistryConformance.self, of: engines, having: leases, show, into: &reports)
            case .segments where engines.haveSegments(leases):
                reports.append(
                    await SegmentConformance.run(
                        on: LiveSegmentHarness { try await engines.makeSegments() }, title: "\(place)", reporting: show)
                )
            case .queues where engines.haveQueues:
                reports.append(await QueueConformance.run(on: queues, title: "\(place)", reporting: show))
            case .exchanges where await engines.offersQueues(with: port):
                reports.append(await ExchangeConformance.run(on: queues, title: "\(place)", reporting: show))
            case .topics where await engines.offersQueues(with: port):
                reports.append(await TopicConformance.run(on: queues, title: "\(place)", reporting: show))
            case .schedules where await engines.offersQueues(with: port):
                reports.append(await ScheduleConformance.run(on: queues, title: "\(place)", reporting: show))
            case .rateLimits where await engines.offerLimits():
                // A daemon tells times in whole milliseconds, rounded up.
                reports.append(
                    await RateLimitConformance.run(
                        on: LiveRateLimitHarness(resolution: .milliseconds(2)) { try engines.makeLimits() },
                        title: "\(place)", reporting: show))
            case .transactions where engines.haveTransactions:
                reports.append(
                    await TransactionJournalConformance.run(
                        on: LiveTransactionJournalHarness { try engines.makeJournal() }, title: "\(place)",
                        reporting: show))
            case .segments, .queues, .exchanges, .topics, .schedules, .rateLimits, .transactions:
                if !self.only.isEmpty {
                    throw Failure("invalid_request", "\(place) has no \(port.rawValue).", exitCode: .usage)
                }
            }
        }
        progress.clear()
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(VerificationDocument(reports: reports))
                : reports.map(\.text).joined(separator: "\n\n"))
        if reports.contains(where: { !$0.isPassed }) { throw ExitCode.failure }
    }

    /// Runs the cases of a port that engines of leases may have.
    private func verify<Suite: ConformanceSuite>(
        _ suite: Suite.Type, of engines: VerifiedEngines, having leases: any LeaseEngine,
        _ show: (ConformanceProgress) -> Void, into reports: inout [ConformanceReport]
    ) async {
        // A port that a store has not got is no promise that it has broken, unless it was asked about.
        guard await engines.offers(Suite.port, leases) || !self.only.isEmpty else { return }
        let harness = LiveLeaseHarness(longestLease: leases.longestLease) { try await engines.makeLeases() }
        reports.append(await Suite.run(on: harness, title: "\(engines.place)", reporting: show))
    }
}
