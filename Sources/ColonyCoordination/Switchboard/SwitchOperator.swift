public import ColonyCore
public import ColonyResilience

/// What an operator has set.
public struct SwitchSetting: Codable, Hashable, Sendable {
    /// Where the switch stands.
    public var position: SwitchPosition
    /// Why, for those who come later.
    public var reason: String?

    /// The most bytes of a reason.
    public static let maximumReasonBytes = 1_000

    /// Makes a setting.
    public init(_ position: SwitchPosition, reason: String? = nil) {
        self.position = position
        self.reason = reason
    }
}

/// A switch with what it moves, over all processes.
public struct SwitchOverview: Hashable, Sendable {
    /// The switch.
    public let id: SwitchID
    /// What an operator has set; automatic if nobody has.
    public let setting: SwitchSetting
    /// How it stands in each process that reports it, in the order of the nodes.
    public let reports: [(node: NodeID, report: SwitchReport)]

    public static func == (first: Self, second: Self) -> Bool {
        first.id == second.id && first.setting == second.setting
            && first.reports.elementsEqual(second.reports) { $0.node == $1.node && $0.report == $1.report }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.id)
        hasher.combine(self.setting)
    }
}

/// The operator's side: looking at all switches of a store, and moving them.
public struct SwitchOperator: Sendable {
    private let engine: any RegistryEngine

    /// Makes an operator on an engine. No I/O happens yet.
    public init(on engine: some RegistryEngine) {
        self.engine = engine
    }

    /// All switches that a process reports or that an operator has moved, in the order of their names.
    ///
    /// - Throws: ``CoordinationError``: `unavailable` or `cancelled`.
    /// - Complexity: Two reads of a group.
    public func overview() async throws(CoordinationError) -> [SwitchOverview] {
        do throws(LeaseError) {
            let settings = try await self.engine.snapshot(of: Switchboard.positions)
            let reports = try await self.engine.snapshot(of: Switchboard.reports)
            return Self.overview(settings: settings, reports: reports)
        } catch {
            throw CoordinationError(error)
        }
    }

    private static func overview(settings: RegistrySnapshot, reports: RegistrySnapshot) -> [SwitchOverview] {
        var set: [SwitchID: SwitchSetting] = [:]
        for record in settings.records {
            // A record of a later version that cannot be read must not hide the others.
            guard let id = try? SwitchID(record.key.rawValue),
                let setting = try? RecordCodec.value(SwitchSetting.self, from: record.value)
            else { continue }
            set[id] = setting
        }
        var seen: [SwitchID: [(node: NodeID, report: SwitchReport)]] = [:]
        for record in reports.records {
            guard let node = try? NodeID(record.key.rawValue),
                let report = try? RecordCodec.value(NodeReport.self, from: record.value)
            else { continue }
            for entry in report.reports { seen[entry.id, default: []].append((node, entry)) }
        }
        return Set(set.keys).union(seen.keys).sorted().map { id in
            SwitchOverview(
                id: id, setting: set[id] ?? SwitchSetting(.automatic),
                reports: (seen[id] ?? []).sorted { $0.node.rawValue < $1.node.rawValue })
        }
    }

    /// Tells where all switches stand, now and whenever one is moved, until the task is cancelled.
    ///
    /// While the engine is away nothing is told, and when it is back what has changed. Automatic switches are left out, and so is what
    /// cannot be read.
    ///
    /// - Parameter take: Called with all positions, one call after the other.
    /// - Returns: Why it ended: `cancelled`, or what no later attempt would mend.
    public func follow(
        room: WaitingRoom = .shared, _ take: @escaping @Sendable ([SwitchID: SwitchPosition]) -> Void
    ) async -> CoordinationError {
        let watch = ConfigurationWatch<SwitchSetting>(Switchboard.positions, on: self.engine, room: room)
        let ended = CoordinationError(.cancelled, "the switches are no longer watched")
        return await withTaskGroup(of: CoordinationError.self) { group in
            group.addTask {
                do throws(CoordinationError) {
                    try await watch.run()
                } catch {
                    return error
                }
                return ended
            }
            group.addTask {
                do throws(CoordinationError) {
                    for try await snapshot in watch.values() { take(Self.positions(snapshot.values)) }
                } catch {
                    return error
                }
                return ended
            }
            let first = await group.next()
            group.cancelAll()
            return first ?? ended
        }
    }

    private static func positions(_ settings: [LeaseName: SwitchSetting]) -> [SwitchID: SwitchPosition] {
        var positions: [SwitchID: SwitchPosition] = [:]
        for (key, setting) in settings where setting.position != .automatic {
            // What another version may have written under a key of its own is not for us.
            if let id = try? SwitchID(key.rawValue) { positions[id] = setting.position }
        }
        return positions
    }

    /// Moves a switch. All processes that have it on their board follow as soon as they hear of it, mostly within milliseconds.
    ///
    /// It need not be on any board yet. `automatic` removes what was set before. Repeating the call changes nothing.
    ///
    /// - Parameter reason: Up to ``SwitchSetting/maximumReasonBytes`` bytes.
    /// - Throws: ``CoordinationError``: `invalidRequest` for a reason that is too long, `unavailable` or `cancelled`, after which the switch may
    ///   have been moved.
    /// - Complexity: One round trip.
    public func set(
        _ id: SwitchID, to position: SwitchPosition, reason: String? = nil
    ) async throws(CoordinationError) {
        if let reason, reason.utf8.count > SwitchSetting.maximumReasonBytes {
            throw CoordinationError(
                .invalidRequest,
                "a reason of \(reason.utf8.count) bytes is too long: \(SwitchSetting.maximumReasonBytes) are the most")
        }
        let key = try LeaseName(prefix: "", id.description, for: "the switch \(id)")
        let bytes = try RecordCodec.bytes(of: SwitchSetting(position, reason: reason))
        do throws(LeaseError) {
            if position == .automatic {
                _ = try await self.engine.removeRecord(key, from: Switchboard.positions, if: .always)
            } else {
                _ = try await self.engine.put(RegistryWrite(bytes, for: key), in: Switchboard.positions)
            }
        } catch {
            throw CoordinationError(error)
        }
    }
}
