namespace XeSvm.Peers;

/// <summary>A cost of the model that nobody has published: assumed, and swept between two ends.</summary>
/// <param name="Name">What is assumed.</param>
/// <param name="Low">The end at which it costs least.</param>
/// <param name="High">The end at which it costs most.</param>
/// <param name="Unit">What the two are counted in.</param>
/// <param name="Reason">Why it has to be assumed, and where the ends come from.</param>
public sealed record PeerAssumption(string Name, double Low, double High, string Unit, string Reason);
