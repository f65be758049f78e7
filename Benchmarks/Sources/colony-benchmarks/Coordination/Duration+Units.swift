extension Duration {
    /// The whole of it in seconds, as near as a floating-point number gets.
    var inSeconds: Double {
        Double(self.components.seconds) + Double(self.components.attoseconds) / 1e18
    }
}
