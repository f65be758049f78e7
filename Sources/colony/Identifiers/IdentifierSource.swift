import ColonyCore
import ColonyIdentifiers
import ColonyRemote

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What kind of Snowflake identifiers the caller wants.
struct SnowflakeWish: Sendable {
    let namespace: String
    let layout: SnowflakeLayout
    let datacenter: Int
    /// The caller's own number, or `nil` for a leased one.
    let worker: Int?
}

/// Where the identifiers of one call come from.
enum IdentifierSource {
    /// Chance and the clock of this process.
    case thisProcess(IdentifierKind)
    /// The next numbers of a series in a store.
    case segment(SegmentTag, StorePlace)
    /// A node that lives as long as the call, in a store.
    case snowflake(SnowflakeWish, StorePlace)
    case daemon(RemoteIdentifiers, IdentifierKind, tag: SegmentTag?)

    /// How long to wait for a worker number, or for the clock to come to moments that are not reserved by others.
    private static let longestWait: Duration = .seconds(10)

    /// Issues `count` identifiers, and hands them to `printer` as they come, so that memory does not grow with the count.
    func issue(_ count: Int64, format: IdentifierFormat, to printer: inout IdentifierPrinter) async throws {
        switch self {
        case .thisProcess(let kind):
            for _ in 0..<count { printer.print(Self.identifier(kind)) }
        case .segment(let tag, let place):
            let engine = try place.makeSegmentEngine()
            let segment = try await engine.takeSegment(SegmentRequest(tag, count: count))
            for number in segment.range { printer.print(number.description) }
        case .snowflake(let wish, let place):
            try await Self.issue(count, wish, place) { printer.print(format.text(of: $0)) }
        case .daemon(let identifiers, let kind, let tag):
            var missing = count
            while missing > 0 {
                let share = min(missing, Int64(RemoteIdentifiers.largestBatch))
                for text in try await identifiers.issue(kind, count: Int(share), tag: tag) {
                    if format == .decimal {
                        printer.print(text)
                    } else {
                        guard let id = SnowflakeID(text) else {
                            throw IdentifierError(
                                .malformedID, "the daemon issued \(NameRules.quoted(text)), which is no snowflake")
                        }
                        printer.print(format.text(of: id))
                    }
                }
                missing -= share
            }
        }
    }

    private static func identifier(_ kind: IdentifierKind) -> String {
        switch kind {
        case .uuid4: UUID.v4().uuidString.lowercased()
        case .ulid: ULIDGenerator.shared.next().description
        default: UUID.v7().uuidString.lowercased()
        }
    }

    // MARK: A node for one call

    private static func issue(
        _ count: Int64, _ wish: SnowflakeWish, _ place: StorePlace, _ print: (SnowflakeID) -> Void
    ) async throws {
        let workers: WorkerAssignment =
            if let worker = wish.worker { .fixed(worker) } else { .leased(from: try place.makeEngine()) }
        let node = try SnowflakeNode(
            namespace: wish.namespace, layout: wish.layout, datacenter: wish.datacenter, workers: workers,
            moments: try place.makeSegmentEngine(),
            configuration: SnowflakeNodeConfiguration(
                leaseDuration: .seconds(10), reservation: Self.reservation(for: count, wish.layout)))
        try await node.withNode { node in
            var missing = count
            while missing > 0 {
                let share = Int(min(missing, 4_096))
                for id in try await node.next(share, waitingUpTo: Self.longestWait) { print(id) }
                missing -= Int64(share)
            }
        }
    }

    /// How far ahead a node reserves moments: what it needs and little more, because the next holder of the number waits
    /// for the rest to pass.
    private static func reservation(for count: Int64, _ layout: SnowflakeLayout) -> Duration {
        let needed = Duration.milliseconds(Int64(min(3, Double(count) / layout.idsPerSecond * 2) * 1_000))
        return max(.milliseconds(100), needed, layout.tick * 2)
    }
}
