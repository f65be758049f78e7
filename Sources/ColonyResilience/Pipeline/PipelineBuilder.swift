/// Builds the layers of a ``Pipeline``, the outermost first.
@resultBuilder
public enum PipelineBuilder {
    /// Begins with the outermost layer.
    @inlinable
    public static func buildPartialBlock<Layer: ResilienceLayer>(first layer: Layer) -> Layer {
        layer
    }

    /// Puts a layer inside those before it.
    @inlinable
    public static func buildPartialBlock<Outer: ResilienceLayer, Inner: ResilienceLayer>(
        accumulated outer: Outer, next inner: Inner
    ) -> NestedLayers<Outer, Inner> {
        NestedLayers(outer, inner)
    }

    /// A layer that stands behind an `if` without `else`.
    @inlinable
    public static func buildOptional<Layer: ResilienceLayer>(_ layer: Layer?) -> Layer? {
        layer
    }

    /// The first branch of an `if` with `else`.
    @inlinable
    public static func buildEither<First: ResilienceLayer, Second: ResilienceLayer>(
        first layer: First
    ) -> EitherLayer<First, Second> {
        .first(layer)
    }

    /// The second branch of an `if` with `else`.
    @inlinable
    public static func buildEither<First: ResilienceLayer, Second: ResilienceLayer>(
        second layer: Second
    ) -> EitherLayer<First, Second> {
        .second(layer)
    }
}

/// One layer inside another.
public struct NestedLayers<Outer: ResilienceLayer, Inner: ResilienceLayer>: ResilienceLayer {
    /// The layer that sees a call first.
    public let outer: Outer
    /// The layer that is nearer to the operation.
    public let inner: Inner

    /// Puts one layer inside another.
    @inlinable
    public init(_ outer: Outer, _ inner: Inner) {
        self.outer = outer
        self.inner = inner
    }

    /// Runs an operation inside the inner layer, and that inside the outer one.
    @inlinable
    public func execute<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        try await self.outer.execute { try await self.inner.execute(operation) }
    }
}

/// One of two kinds of layers, as an `if` with `else` makes it.
public enum EitherLayer<First: ResilienceLayer, Second: ResilienceLayer>: ResilienceLayer {
    /// The layer of the first branch.
    case first(First)
    /// The layer of the second branch.
    case second(Second)

    /// Runs an operation under the protection of the layer that is there.
    @inlinable
    public func execute<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        switch self {
        case .first(let layer): try await layer.execute(operation)
        case .second(let layer): try await layer.execute(operation)
        }
    }
}
