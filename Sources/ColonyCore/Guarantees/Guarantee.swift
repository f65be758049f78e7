/// What a grant or an acknowledgement is worth, as two separate answers, so that no engine can claim more than it gives.
///
/// ```swift
/// let lock = try DistributedLock("orders/42", on: engine, requiring: .linearizable)
/// ```
///
/// A demand is met when both parts are at least what was asked; see ``meets(_:)``.
public struct Guarantee: Hashable, Sendable, CustomStringConvertible {
    /// Among whom the answer is exclusive.
    public enum Reach: Int, Comparable, Sendable, CaseIterable {
        /// Among the tasks of one process.
        case process
        /// Among the processes of one host.
        case host
        /// Among all hosts that can reach the store.
        case network

        public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }
    }

    /// What an acknowledged answer outlives.
    public enum Survival: Int, Comparable, Sendable, CaseIterable {
        /// Nothing: it ends with the process.
        case nothing
        /// The end of the process that holds the store, at any instant.
        case processCrash
        /// The loss of power of the host that holds the store.
        case powerLoss
        /// The loss of a server for ever: a majority keeps copies.
        case serverLoss

        public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }
    }

    /// Among whom a grant is exclusive.
    public var reach: Reach
    /// What an acknowledged grant outlives.
    public var survival: Survival

    /// Puts the two answers together.
    public init(reach: Reach, survival: Survival) {
        self.reach = reach
        self.survival = survival
    }

    /// Exclusive on the network, and kept by a majority of servers: what etcd and ZooKeeper give.
    public static let linearizable = Guarantee(reach: .network, survival: .serverLoss)

    /// Whether this is at least `demand` in both parts.
    public func meets(_ demand: Guarantee) -> Bool {
        self.reach >= demand.reach && self.survival >= demand.survival
    }

    /// Why `demand` is not met, as a sentence, or `nil` if it is.
    public func shortfall(against demand: Guarantee) -> String? {
        var reasons: [String] = []
        if self.reach < demand.reach {
            reasons.append("it is exclusive on one \(self.reach), and \(demand.reach) was demanded")
        }
        if self.survival < demand.survival {
            reasons.append(
                "an acknowledged grant outlives \(self.survival.phrase), and \(demand.survival.phrase) was demanded")
        }
        return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
    }

    public var description: String { "(\(self.reach), \(self.survival))" }
}

extension Guarantee.Survival {
    fileprivate var phrase: String {
        switch self {
        case .nothing: "nothing"
        case .processCrash: "a crash of the process"
        case .powerLoss: "a loss of power"
        case .serverLoss: "the loss of a server"
        }
    }
}

/// How far an acknowledged write had got when it was acknowledged.
public enum Durability: Int, Comparable, Sendable, CaseIterable, Codable {
    /// In the memory of one process.
    case memory
    /// In the page cache of the operating system: outlives the process, not a loss of power.
    case written
    /// On the medium: `fsync` or its like has returned.
    case synced
    /// On the medium of a majority of servers.
    case quorum

    public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }
}
