namespace XeSvm.Fuzz;

/// <summary>The driver did what it must not do.</summary>
internal sealed class FuzzFindException(string message) : Exception(message);
