using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The userptr areas of one VM, each with memory of the process that has bound it (its notifier's mm): mostly that which has created the VM, but a
/// file that was inherited or passed on is used by others too. Changes under the VM lock.
/// </summary>
internal sealed class UserptrMirrors(Vm vm) : IDisposable
{
    private readonly UserptrMirror _ofOwner = new(vm, vm.Client);
    private List<UserptrMirror>? _ofOthers;

    /// <inheritdoc cref="UserptrMirror.Pin"/>
    public int Pin(Vma vma) => Of(vma).Pin(vma);

    /// <inheritdoc cref="UserptrMirror.Bind"/>
    public int Bind(Vma vma, bool atomic, uint tiles) => Of(vma).Bind(vma, atomic, tiles);

    /// <inheritdoc cref="UserptrMirror.Release"/>
    public void Release(Vma vma)
    {
        if (vma.Userptr is not null)
        {
            Of(vma).Release(vma);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ofOwner.Dispose();
        _ofOthers?.ForEach(mirror => mirror.Dispose());
    }

    private UserptrMirror Of(Vma vma)
    {
        ClientMemory client = vma.UserptrClient ?? vm.Client;
        if (ReferenceEquals(client, vm.Client))
        {
            return _ofOwner;
        }

        _ofOthers ??= [];
        foreach (UserptrMirror mirror in _ofOthers)
        {
            if (ReferenceEquals(mirror.Client, client))
            {
                return mirror;
            }
        }

        var added = new UserptrMirror(vm, client);
        _ofOthers.Add(added);
        return added;
    }
}
