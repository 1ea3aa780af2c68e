namespace XeSvm.Simulation.Gpu;

/// <summary>One hardware engine.</summary>
/// <param name="Class">What it can execute.</param>
/// <param name="Instance">Its number within its class and GT.</param>
/// <param name="Gt">The GT it belongs to.</param>
internal sealed record Engine(EngineClass Class, int Instance, Gt Gt)
{
    /// <summary>User space does not see it.</summary>
    public bool IsReserved { get; init; }
}
