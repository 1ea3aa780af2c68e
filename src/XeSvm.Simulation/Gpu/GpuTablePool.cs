using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Gpu;

/// <summary>
/// Native memory for the tables of one page table. A table that was taken out is used again, or freed, only after an invalidation of
/// the gate that began later has completed: until then a walker may be in it. Used under the page table's write lock.
/// </summary>
internal sealed unsafe class GpuTablePool(TlbGate gate)
{
    private const int KeptTables = 64;

    private GpuTable* _free;
    private int _freeCount;
    private GpuTable* _oldestRetired;
    private GpuTable* _newestRetired;

    /// <summary>A zeroed table.</summary>
    public GpuTable* Allocate()
    {
        Reclaim();
        GpuTable* table = _free;
        if (table != null)
        {
            _free = table->Next;
            _freeCount--;
        }
        else
        {
            table = (GpuTable*)NativeMemory.AlignedAlloc((nuint)sizeof(GpuTable), GpuTable.Alignment);
        }

        NativeMemory.Clear(table, (nuint)sizeof(GpuTable));
        return table;
    }

    /// <summary>Takes a table that no entry points to any more.</summary>
    public void Retire(GpuTable* table)
    {
        Reclaim();
        table->RetiredGeneration = gate.Generation;
        table->Next = null;
        if (_oldestRetired == null)
        {
            _oldestRetired = table;
        }
        else
        {
            _newestRetired->Next = table;
        }

        _newestRetired = table;
    }

    /// <summary>Frees the tables that the pool holds; no walker may be left.</summary>
    public void Release()
    {
        FreeList(ref _free);
        FreeList(ref _oldestRetired);
        _freeCount = 0;
    }

    /// <summary>Frees a table that the page table still holds; no walker may be left.</summary>
    public static void FreeNow(GpuTable* table) => NativeMemory.AlignedFree(table);

    private void Reclaim()
    {
        long completed = gate.Completed;
        while (_oldestRetired != null && _oldestRetired->RetiredGeneration < completed)
        {
            GpuTable* table = _oldestRetired;
            _oldestRetired = table->Next;
            if (_freeCount < KeptTables)
            {
                table->Next = _free;
                _free = table;
                _freeCount++;
            }
            else
            {
                FreeNow(table);
            }
        }
    }

    private static void FreeList(ref GpuTable* list)
    {
        while (list != null)
        {
            GpuTable* next = list->Next;
            FreeNow(list);
            list = next;
        }
    }
}
