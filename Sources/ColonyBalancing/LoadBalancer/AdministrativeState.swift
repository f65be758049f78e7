/// What an operator has said of an endpoint. It lasts until the operator says something else, whatever health checks find.
public enum AdministrativeState: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// It takes calls as far as it is in health.
    case active
    /// It takes no new calls but those of sessions that are bound to it, and ends those that are under way.
    case draining
    /// It takes no new calls at all.
    case maintenance

    public var description: String { self.rawValue }
}
