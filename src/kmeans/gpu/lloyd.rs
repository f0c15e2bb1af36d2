//! Lloyd's iteration with its passes on a GPU.

use super::{Centroids, Clusters, Report, Rows, Update};
use crate::error::Result;
use crate::gpu::Session;
use crate::kmeans::lloyd::Lloyd;

impl<'a> Lloyd<'a> {
    /// Labels and sums all rows on the session's GPU; `None` if it has none, or none any more.
    pub(in crate::kmeans) fn pass_on_gpu(
        &mut self,
        centroids: &Centroids,
    ) -> Result<Option<(Clusters, Update)>> {
        let scale = self.scale;
        let passed = self.on_gpu(|rows, report| rows.pass(&[centroids], scale, report))?;
        Ok(passed.and_then(|mut books| books.pop()))
    }

    /// Labels all rows on the session's GPU; `None` as above.
    pub(in crate::kmeans) fn labels_on_gpu(&mut self, centroids: &Centroids) -> Result<Option<Vec<u32>>> {
        let labels = self.on_gpu(|rows, report| rows.nearest(&[centroids], report))?;
        Ok(labels.and_then(|mut books| books.pop()))
    }

    fn on_gpu<T>(&mut self, work: impl FnOnce(&Rows<'a>, &mut Report<'_>) -> Result<T>) -> Result<Option<T>> {
        let Some((session, gpu)) = self.session.and_then(|session| Some((session, session.gpu()?))) else {
            return Ok(None);
        };
        let meter = &mut self.meter;
        let mut report = |pairs| meter.advance(pairs);
        let loaded = match self.resident.take() {
            Some(rows) => Ok(rows),
            None => Rows::load(gpu, self.points, self.dim, &mut report),
        };
        let done = loaded.and_then(|rows| {
            let done = work(&rows, &mut report)?;
            Ok((rows, done))
        });
        match done {
            Ok((rows, done)) => {
                self.resident = Some(rows);
                Ok(Some(done))
            }
            Err(error) => session.fall_back(error).map(|()| None),
        }
    }
}

/// As [`Centroids::nearest`], on the session's GPU; false if it has none, or none any more.
pub(crate) fn nearest_with(
    session: &Session,
    centroids: &Centroids,
    points: &[f32],
    labels: &mut [u32],
    check: &dyn Fn() -> Result<()>,
) -> Result<bool> {
    let Some(gpu) = session.gpu() else { return Ok(false) };
    match super::nearest(gpu, centroids, points, labels, &mut |_| check()) {
        Ok(()) => Ok(true),
        Err(error) => session.fall_back(error).map(|()| false),
    }
}
