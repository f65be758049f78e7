import ColonyCore

/// What a Snowflake generator does at the edges.
public struct SnowflakeConfiguration: Hashable, Sendable {
    /// Where the numbers of a tick start.
    public enum SequenceStart: Hashable, Sendable {
        /// At zero. A node that issues less than one identifier a tick gives out even ones only.
        case zero
        /// Somewhere below `limit`, a different number in each tick, so that identifiers spread over shards that are
        /// chosen by remainder. Ticks that follow a busy one start at zero, so the limit is the same under load.
        case scattered(below: Int)
    }

    /// By how much the wall clock may be behind the last identifier and its tick still go on. From zero up.
    ///
    /// Ten milliseconds cover what clock disciplines and readings on two processors show. A clock that was set back
    /// further is an operator's business: waiting callers wait for it, others get ``IdentifierError/Code/clockMovedBack``.
    public var toleratedStepBack: Duration

    /// Where the numbers of a tick start; scattered below 64 unless told otherwise.
    public var sequenceStart: SequenceStart

    /// A generator is refused when its layout ends within this time; two years leave room for a migration.
    public var refusedBeforeEnd: Duration

    /// Makes a configuration.
    public init(
        toleratedStepBack: Duration = .milliseconds(10), sequenceStart: SequenceStart = .scattered(below: 64),
        refusedBeforeEnd: Duration = .seconds(730 * 86_400)
    ) {
        self.toleratedStepBack = toleratedStepBack
        self.sequenceStart = sequenceStart
        self.refusedBeforeEnd = refusedBeforeEnd
    }

    func sequencing(of layout: SnowflakeLayout) throws(IdentifierError) -> SnowflakeSequencing {
        guard self.toleratedStepBack >= .zero else {
            throw IdentifierError(
                .invalidRequest, "a tolerated step back of \(self.toleratedStepBack) is not possible: zero or more")
        }
        guard self.refusedBeforeEnd >= .zero else {
            throw IdentifierError(
                .invalidRequest, "a margin of \(self.refusedBeforeEnd) before the end is not possible: zero or more")
        }
        var scatterMask: UInt64 = 0
        if case .scattered(let limit) = self.sequenceStart {
            guard limit >= 1, limit & (limit - 1) == 0, limit <= max(1, layout.idsPerTick / 4) || limit == 64 else {
                throw IdentifierError(
                    .invalidRequest,
                    "a sequence scattered below \(limit) is not possible: a power of two up to a quarter of the "
                        + "\(layout.idsPerTick) identifiers of a tick")
            }
            // The default is cut down for layouts with few numbers in a tick.
            scatterMask = UInt64(min(limit, max(1, layout.idsPerTick / 4)) - 1)
        }
        return SnowflakeSequencing(
            fields: SnowflakeFields(layout),
            toleratedTicks: UInt64(self.toleratedStepBack.clampedMilliseconds / layout.tickMilliseconds),
            scatterMask: scatterMask)
    }
}
