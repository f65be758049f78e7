/// Where the fields of a layout lie in a word: shifts and masks, computed once.
struct SnowflakeFields: Sendable {
    let timeShift: UInt64
    let nodeShift: UInt64
    let nodeMask: UInt64
    let sequenceShift: UInt64
    let sequenceMask: UInt64
    let lastTick: UInt64

    init(_ layout: SnowflakeLayout) {
        let nodeBits = UInt64(layout.datacenterBits + layout.workerBits)
        let sequenceBits = UInt64(layout.sequenceBits)
        self.timeShift = nodeBits + sequenceBits
        self.nodeMask = (1 << nodeBits) - 1
        self.sequenceMask = (1 << sequenceBits) - 1
        self.lastTick = (1 << UInt64(layout.timeBits)) - 1
        switch layout.order {
        case .workerThenSequence:
            self.nodeShift = sequenceBits
            self.sequenceShift = 0
        case .sequenceThenWorker:
            self.nodeShift = 0
            self.sequenceShift = nodeBits
        }
    }

    // Shifts are below 64 by the checks of the layout, so the masking shifts cost one instruction and no branch.
    func tick(of word: UInt64) -> UInt64 { word &>> self.timeShift }
    func node(of word: UInt64) -> UInt64 { word &>> self.nodeShift & self.nodeMask }
    func sequence(of word: UInt64) -> UInt64 { word &>> self.sequenceShift & self.sequenceMask }

    func word(tick: UInt64, node: UInt64, sequence: UInt64) -> UInt64 {
        tick &<< self.timeShift | node &<< self.nodeShift | sequence &<< self.sequenceShift
    }
}
