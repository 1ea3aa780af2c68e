namespace XeSvm.Statistics;

/// <summary>One line of a counter text.</summary>
/// <param name="Name">The counter's name as the text spells it.</param>
/// <param name="Value">Its value; the unit is the one that the name ends in (<c>_us</c>, <c>_kb</c>, <c>_count</c>).</param>
/// <param name="Line">The line it stands on, from 1.</param>
public readonly record struct Counter(string Name, ulong Value, int Line);
