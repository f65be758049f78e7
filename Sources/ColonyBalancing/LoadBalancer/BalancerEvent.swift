public import ColonyCore

/// Something that changed which endpoints may be picked.
public struct BalancerEvent: Hashable, Sendable {
    /// What happened.
    public enum Kind: Hashable, Sendable {
        /// The endpoint is new, or has a new address.
        case added
        /// The endpoint is no longer in the balancer; calls that are under way go on.
        case removed
        /// A check that had said otherwise says that the endpoint is in health.
        case recovered(check: String)
        /// A check says that the endpoint is out of health.
        case failed(check: String)
        /// The endpoint takes no calls for a while because too many of them went wrong.
        case ejected
        /// The endpoint takes calls again after an ejection.
        case restored
        /// An operator has changed the state of the endpoint.
        case administered(AdministrativeState)
    }

    /// What happened.
    public let kind: Kind
    /// To which endpoint.
    public let endpoint: EndpointName
    /// Why, in a sentence for people; empty where there is nothing to say.
    public let reason: String
    /// When.
    public let instant: MonotonicInstant
}
