"""What the front ends of gradient boosting libraries share."""
