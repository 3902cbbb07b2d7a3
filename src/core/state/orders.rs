//! Work orders in the state: by number, by key, by asset and by time; and what is known of assets.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Log, State, Undo};
use crate::core::asset::KnownAsset;
use crate::core::change::Change;
use crate::core::mirrored::{Mirrored, MirroredKey};
use crate::core::work_order::{Status, WorkOrder};
use crate::time::Timestamp;

impl State {
    pub(in crate::core) fn put_order(&mut self, order: WorkOrder, log: &mut Log) -> Arc<WorkOrder> {
        let (number, order) = (Arc::clone(&order.number), Arc::new(order));
        log.changes.push(Change::WorkOrder(Arc::clone(&order)));
        let old = self.set_order(&number, Some(Arc::clone(&order)));
        log.undo.push(Undo::Order(number, old));
        order
    }

    /// Puts the order where the log has an earlier one of the same batch, which is undone as that is.
    pub(in crate::core) fn put_order_instead(&mut self, at: usize, order: WorkOrder, log: &mut Log) {
        let order = Arc::new(order);
        log.replace(at, Change::WorkOrder(Arc::clone(&order)));
        drop(self.set_order(&Arc::clone(&order.number), Some(order)));
    }

    pub(in crate::core) fn put_digested(&mut self, at: Timestamp, log: &mut Log) {
        log.changes.push(Change::Digested(at));
        log.undo.push(Undo::Digested(self.digested.replace(at)));
    }

    pub(in crate::core) fn forget_order(&mut self, number: &Arc<str>, log: &mut Log) {
        if let Some(old) = self.set_order(number, None) {
            log.changes.push(Change::WorkOrderGone(Arc::clone(number)));
            log.undo.push(Undo::Order(Arc::clone(number), Some(old)));
            let gone = self.drop_mirrored(number).into_iter();
            log.undo.extend(gone.map(|(key, old)| Undo::Mirrored(key, Some(old))));
        }
    }

    pub(in crate::core) fn put_mirrored(&mut self, mirrored: Mirrored, log: &mut Log) {
        let mirrored = Arc::new(mirrored);
        log.changes.push(Change::Mirrored(Arc::clone(&mirrored)));
        let (key, old) = self.set_mirrored(mirrored);
        log.undo.push(Undo::Mirrored(key, old));
    }

    pub(in crate::core) fn set_mirrored(&mut self, mirrored: Arc<Mirrored>) -> (MirroredKey, Option<Arc<Mirrored>>) {
        let key = (Arc::clone(&mirrored.order), Arc::clone(&mirrored.target));
        (key.clone(), Arc::make_mut(&mut self.mirrored).insert(key, mirrored))
    }

    /// What other systems have taken of an order goes with it.
    pub(in crate::core) fn drop_mirrored(&mut self, number: &Arc<str>) -> Vec<(MirroredKey, Arc<Mirrored>)> {
        let from = (Arc::clone(number), Arc::from(""));
        let of_order = self.mirrored.range(from..).take_while(|((order, _), _)| order == number);
        let gone: Vec<_> = of_order.map(|(key, mirrored)| (key.clone(), Arc::clone(mirrored))).collect();
        if !gone.is_empty() {
            let mirrored = Arc::make_mut(&mut self.mirrored);
            gone.iter().for_each(|(key, _)| drop(mirrored.remove(key)));
        }
        gone
    }

    /// The newest order of a key, which alone may be open.
    pub(in crate::core) fn latest_order(&self, key: &str) -> Option<&Arc<WorkOrder>> {
        let (_, number) = self.orders_of.get(key)?.last()?;
        self.work_orders.get(number)
    }

    /// The open orders about an asset, by number.
    pub(in crate::core) fn open_orders_on(&self, asset_code: &str) -> impl Iterator<Item = &Arc<WorkOrder>> {
        let numbers = self.orders_on.get(asset_code).into_iter().flatten();
        numbers.filter_map(|number| self.work_orders.get(number))
    }

    /// What is known of an asset: what the plant's own system says comes before the configuration's file.
    pub(in crate::core) fn known_asset(&self, code: &str) -> Option<&KnownAsset> {
        self.assets.get(code).or_else(|| self.policy.assets.get(code))
    }

    /// Whether anybody has said which assets there are.
    pub(in crate::core) fn knows_assets(&self) -> bool {
        !self.assets.is_empty() || !self.policy.assets.is_empty()
    }

    pub(in crate::core) fn set_order(
        &mut self,
        number: &Arc<str>,
        order: Option<Arc<WorkOrder>>,
    ) -> Option<Arc<WorkOrder>> {
        let orders = Arc::make_mut(&mut self.work_orders);
        let old = match &order {
            Some(order) => orders.insert(Arc::clone(number), Arc::clone(order)),
            None => orders.remove(number),
        };
        if let Some(old) = &old {
            self.unlist_order(old);
        }
        if let Some(order) = order {
            self.list_order(&order);
        }
        old
    }

    /// Enters an order where it is found by key, by asset and by time.
    fn list_order(&mut self, order: &WorkOrder) {
        let number = || Arc::clone(&order.number);
        self.orders_of.entry(Arc::clone(&order.key)).or_default().insert((order.opened_at, number()));
        if order.status.is_open() && !order.asset.code.is_empty() {
            self.orders_on.entry(order.asset.code.clone()).or_default().insert(number());
            if order.status == Status::InProgress {
                Arc::make_mut(&mut self.at_work).entry(order.asset.code.clone()).or_default().insert(number());
            }
        }
        if let Some((at, _)) = self.policy.orders.next_step(order) {
            self.order_timers.insert((at, number()));
        }
    }

    fn unlist_order(&mut self, order: &WorkOrder) {
        unlist(&mut self.orders_of, &*order.key, &(order.opened_at, Arc::clone(&order.number)));
        unlist(&mut self.orders_on, order.asset.code.as_str(), &order.number);
        if order.status == Status::InProgress {
            unlist(Arc::make_mut(&mut self.at_work), order.asset.code.as_str(), &order.number);
        }
        if let Some((at, _)) = self.policy.orders.next_step(order) {
            self.order_timers.remove(&(at, Arc::clone(&order.number)));
        }
    }

    /// Finds anew when each order's next step is due, after the rules changed.
    pub(super) fn time_orders(&mut self) {
        let step = |order: &Arc<WorkOrder>| Some((self.policy.orders.next_step(order)?.0, Arc::clone(&order.number)));
        self.order_timers = self.work_orders.values().filter_map(step).collect();
    }
}

/// Takes a value out of the set under a key, and the set with its last value.
fn unlist<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V: Ord>(map: &mut BTreeMap<K, BTreeSet<V>>, key: &Q, value: &V) {
    if let Some(set) = map.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            map.remove(key);
        }
    }
}
