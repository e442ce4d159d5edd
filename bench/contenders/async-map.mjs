// The floor: what an application would write if it never had to invalidate, bound or expire anything.
export const asyncMap = {
  name: 'async function + Map.get',
  async create(load) {
    const values = new Map();
    return {
      call: async (id) => {
        const value = values.get(id);
        if (value !== undefined) return value;
        const loaded = await load(id);
        values.set(id, loaded);
        return loaded;
      },
      close() {},
    };
  },
};
