import Synchronization

extension LoadBalancer {
    /// The calls that are under way to all present endpoints together.
    package var callsUnderWay: Int {
        self.control.withLock { control in control.members.reduce(0) { $0 + $1.cell.pointee.underWay } }
    }
}
