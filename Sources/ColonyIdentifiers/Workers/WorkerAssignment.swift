public import ColonyCore

/// How a node comes by its worker number.
public struct WorkerAssignment: Sendable {
    enum Kind: Sendable {
        case fixed(Int)
        case leased(any LeaseEngine, remembered: Int?)
    }

    let kind: Kind

    /// Always this number, because configuration says so. It must be in ``SnowflakeLayout/workers``.
    ///
    /// Two nodes that were given the same number by mistake still issue no identifier twice as long as they reserve their
    /// moments in the same store; they take turns, and both are slow.
    public static func fixed(_ worker: Int) -> WorkerAssignment {
        WorkerAssignment(kind: .fixed(worker))
    }

    /// A number that nobody else holds, leased from `engine`, renewed for as long as the node runs, and free for others
    /// afterwards.
    ///
    /// - Parameter remembered: The number that this node held before, if it wrote one down. It is asked for first. While
    ///   the engine cannot be reached it is used without a lease, but only if the store of the reserved moments reaches
    ///   as far as the engine does, since then two holders of one number still have no moment in common.
    public static func leased(from engine: any LeaseEngine, remembered: Int? = nil) -> WorkerAssignment {
        WorkerAssignment(kind: .leased(engine, remembered: remembered))
    }

    /// The number that is made of the low bits of an IPv4 address, as Sonyflake does it: unique within a subnet that has
    /// no more addresses than the layout has workers.
    ///
    /// - Throws: ``IdentifierError/Code/invalidRequest``, which quotes the text if it is no address.
    public static func derived(
        fromIPv4 address: String, for layout: SnowflakeLayout
    ) throws(IdentifierError) -> WorkerAssignment {
        let parts = address.split(separator: ".", omittingEmptySubsequences: false)
        var number = 0
        for part in parts {
            // Leading zeros are refused because some read them as octal.
            guard let value = UInt8(part), String(value) == part else {
                throw IdentifierError(.invalidRequest, "\(NameRules.quoted(address)) is no IPv4 address")
            }
            number = number << 8 | Int(value)
        }
        guard parts.count == 4 else {
            throw IdentifierError(.invalidRequest, "\(NameRules.quoted(address)) is no IPv4 address")
        }
        return .fixed(number & layout.workers.upperBound)
    }
}
