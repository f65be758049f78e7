import ColonyCore

/// One of several places that can do the same work.
///
/// ```swift
/// let endpoint = try Endpoint("10.0.0.1:8080", weight: 3, zone: "a")
/// ```
public struct Endpoint: Hashable, Sendable {
    /// The legal weights. A share of one in a thousand is enough for any ratio in use, and sums of whole numbers stay exact.
    public static var weights: ClosedRange<Int> { 1...1_000 }
    /// The legal priorities; 0 is tried first.
    public static var priorities: ClosedRange<Int> { 0...15 }

    /// What it is called. No two endpoints of a balancer have the same name. It decides where consistent hashing places the endpoint, so
    /// it should stay the same over restarts.
    public let name: EndpointName
    /// Where it is reached.
    public let address: EndpointAddress
    /// Its share in proportion to the other weights, within ``weights``.
    public let weight: Int
    /// Where it runs, such as a data centre. Endpoints in the balancer's own zone are preferred, if it has one.
    public let zone: String?
    /// The level that it belongs to, within ``priorities``. A level gets calls as far as the levels before it are not healthy enough.
    public let priority: Int
    /// What else is known of it, for people and for rules of the program.
    public let metadata: [String: String]

    /// Describes an endpoint.
    ///
    /// - Parameters:
    ///   - name: What it is called; `nil` takes the address for a name.
    ///   - weight: Within ``weights``; 1 by default, so that endpoints without a weight share evenly.
    /// - Throws: ``BalancingError`` with code `invalidWeight`, `invalidPriority`, or `invalidName`.
    public init(
        address: EndpointAddress, name: EndpointName? = nil, weight: Int = 1, zone: String? = nil, priority: Int = 0,
        metadata: [String: String] = [:]
    ) throws(BalancingError) {
        guard Self.weights.contains(weight) else {
            throw BalancingError(
                .invalidWeight,
                "the weight \(weight) of \(address) is not from \(Self.weights.lowerBound) to \(Self.weights.upperBound)"
            )
        }
        guard Self.priorities.contains(priority) else {
            throw BalancingError(
                .invalidPriority,
                "the priority \(priority) of \(address) is not from \(Self.priorities.lowerBound) to "
                    + "\(Self.priorities.upperBound)")
        }
        if let name {
            self.name = name
        } else {
            do throws(InvalidName) {
                self.name = try EndpointName(address.description)
            } catch {
                throw BalancingError(.invalidName, error.description, cause: error)
            }
        }
        self.address = address
        self.weight = weight
        self.zone = zone
        self.priority = priority
        self.metadata = metadata
    }

    /// Describes an endpoint by the text of its address.
    ///
    /// - Throws: ``BalancingError`` with code `invalidAddress`, or as ``init(address:name:weight:zone:priority:metadata:)``.
    public init(
        _ address: String, name: EndpointName? = nil, weight: Int = 1, zone: String? = nil, priority: Int = 0,
        metadata: [String: String] = [:]
    ) throws(BalancingError) {
        try self.init(
            address: EndpointAddress(address), name: name, weight: weight, zone: zone, priority: priority,
            metadata: metadata)
    }
}
