// Map.groupBy came with Node 21; the generator needs nothing else of a later Node.
Map.groupBy ??= (items, key) => {
  const groups = new Map();
  let n = 0;
  for (const item of items) { const k = key(item, n++); groups.has(k) ? groups.get(k).push(item) : groups.set(k, [item]); }
  return groups;
};
Object.groupBy ??= (items, key) => Object.fromEntries(Map.groupBy(items, key));
